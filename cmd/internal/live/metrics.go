package live

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A metric is a number of the board for Prometheus.
type metric struct {
	name, kind, help string
	value            float64
}

// metrics are the board's numbers; those that are not known are left out.
func (b *Board) metrics() []metric {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &b.history
	st := h.status
	list := []metric{
		{"episodes_total", "counter", "Episodes learned from.", float64(st.Episodes)},
		{"outer_steps_total", "counter", "Outer steps, the skipped ones included.", float64(st.OuterSteps)},
		{"inner_steps_total", "counter", "Inner steps learned from.", float64(st.InnerSteps)},
		{"outer_steps_skipped_total", "counter", "Outer steps left out because loss or gradient was not finite.", float64(st.Skipped)},
		{"outer_steps_clipped_total", "counter", "Outer steps with a clipped meta-gradient, since this process began.", float64(st.Clipped)},
		{"diverged_total", "counter", "Windows in which the inner loss was not finite.", float64(st.Diverged)},
		{"done_ratio", "gauge", "Part of the learning that is done.", st.Fraction},
		{"elapsed_seconds", "gauge", "Time since this process began.", st.Elapsed},
		{"episodes_per_second", "gauge", "Episodes a second, of late.", st.EpisodesPerSecond},
		{"inner_steps_per_second", "gauge", "Inner steps a second, of late.", st.InnerStepsPerSecond},
	}
	list = append(list, b.clientMetrics()...)
	if w := h.helpers; w != nil {
		list = append(list, metric{"workers", "gauge", "Processes that learn with this one.", float64(w.Workers)},
			metric{"worker_goroutines_busy", "gauge", "Goroutines of these that have a task.", float64(w.Busy)},
			metric{"worker_results_total", "counter", "Results taken from workers.", float64(w.Results)})
	}
	if n := len(h.points.items); n > 0 {
		p := h.points.items[n-1]
		list = append(list, metric{"meta_loss", "gauge", "Mean meta-loss of late.", float64(p.Loss)},
			metric{"meta_gradient_norm", "gauge", "Longest meta-gradient of late, before it was clipped.", float64(p.Norm)})
	}
	if n := len(h.validations.items); n > 0 {
		f, _ := h.validations.items[n-1].read()
		if f.ValidLoss != nil {
			list = append(list, metric{"validation_loss", "gauge", "Loss of the last validation.", *f.ValidLoss})
		}
		if f.BestLoss != nil {
			list = append(list, metric{"best_validation_loss", "gauge", "Lowest validation loss so far.", *f.BestLoss})
		}
	}
	return list
}

// metrics writes Prometheus' text form.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	var text strings.Builder
	for _, m := range s.page.metrics() {
		fmt.Fprintf(&text, "# HELP unroll_%s %s\n# TYPE unroll_%[1]s %[3]s\nunroll_%[1]s %[4]s\n", m.name, m.help, m.kind,
			strconv.FormatFloat(m.value, 'g', -1, 64))
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write([]byte(text.String()))
}
