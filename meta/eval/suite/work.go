package suite

import (
	"context"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/seed1498fded/unroll/meta/eval"
)

// work is how far a comparison is: in shares of the time that all of it takes, by the time of a few steps of each optimizer on
// each problem.
type work struct {
	told func(fraction float64, next string) // may be nil
	cost [][]float64                         // of a step, by problem and optimizer
	all  float64

	mu   sync.Mutex
	done float64
	last float64
}

// plan measures the costs of steps and adds up the work.
func (s *study) plan(ctx context.Context) (*work, error) {
	w := &work{told: s.Progress, cost: make([][]float64, len(s.list))}
	if w.told == nil && s.Expect == nil {
		return w, nil
	}
	for i, p := range s.list {
		for _, x := range s.all() {
			took, err := eval.StepTime(ctx, fixed(x).rule, newCourse(p, 0, 1, nil).plan(), 5)
			if err != nil {
				return nil, err
			}
			cost, runs := took.Seconds(), s.Runs
			if n := len(s.candidates(x)); n > 1 && !s.tuned(x) && !s.takes(x) {
				runs += n * s.TuningRuns
			}
			w.cost[i] = append(w.cost[i], cost)
			w.all += cost * float64(runs*p.Steps)
		}
	}
	if s.Expect != nil {
		aside := float64(min(s.Runs, runtime.GOMAXPROCS(0)))
		s.Expect(time.Duration(min(w.all/aside*float64(time.Second), math.MaxInt64/2)))
	}
	return w, nil
}

// begin says what comes next and returns what to tell of its steps.
func (w *work) begin(problem, optimizer int, name string) (tell func(steps int)) {
	if w.told == nil {
		return func(int) {}
	}
	w.told(w.fraction(), name)
	return func(steps int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.done += float64(steps) * w.cost[problem][optimizer]
		if now := w.fraction(); now >= w.last+1e-3 {
			w.last = now
			w.told(now, name)
		}
	}
}

func (w *work) fraction() float64 { return min(1, w.done/w.all) }
