package metatrain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

// A page shows a run in a browser. A nil page is none.
type page struct {
	board  *live.Board
	server *live.Server
	folder *rundir.Folder
	on     string     // what validation is on, where the settings do not say
	looked *looked    // at the last validation; nil if nothing was
	inner  live.Inner // what has been shown of training
	beside bool       // Adam has been shown, or cannot be
}

// listen opens the port of the page, if there is to be one.
func (o options) listen() (live.Port, error) {
	if !o.Given("serve") {
		return nil, nil
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	l, err := live.Listen(o.Serve)
	if err != nil {
		return nil, fmt.Errorf("--serve: %w", err)
	}
	return l, nil
}

// shut closes a port that is not to be served after all.
func shut(port live.Port) error {
	if port == nil {
		return nil
	}
	return port.Close()
}

// serve opens the session's page. What the run's log has from before is on it.
func (s *session) serve(port live.Port) error {
	if port == nil {
		return nil
	}
	board, err := s.board()
	if err != nil {
		return errors.Join(err, port.Close())
	}
	p := &page{board: board, folder: s.folder, inner: shown(s.dir)}
	p.beside = p.inner.Beside != nil
	board.Train(p.inner)
	p.server = live.Serve(port, board)
	if catalog.Mixed(s.settings.Problem) {
		p.on = "the first network of the mix"
	}
	if err := s.folder.Write(rundir.Page, []byte(p.server.URL()+"\n")); err != nil {
		return errors.Join(err, p.server.Close())
	}
	s.page = p
	return nil
}

// board returns the board of the run as it is saved.
func (s *session) board() (*live.Board, error) {
	run, err := about(s.settings, s.dir)
	if err != nil {
		return nil, err
	}
	log, err := s.folder.Logged()
	if err != nil {
		return nil, err
	}
	b := live.NewBoard(run)
	return b, b.Load(log)
}

// about says what a page says of a run's settings, and of the baselines that were measured in its folder.
func about(s settings, dir string) (run live.Run, err error) {
	config, err := json.Marshal(s)
	if err != nil {
		return run, err
	}
	run = live.Run{Title: fmt.Sprintf("%s on %s, seed %d", s.Rule, s.what(), s.Seed), Dir: dir}
	if run.Settings, err = live.Settings(config); err != nil {
		return run, err
	}
	text, err := rundir.Read(dir, rundir.Baselines)
	if err != nil || text == nil {
		return run, err
	}
	if err := json.Unmarshal(text, &run.Lines); err != nil {
		return run, fmt.Errorf("%s: %s: %w", dir, rundir.Baselines, err)
	}
	return run, nil
}

// observer returns what tells the page of the trainer's events.
func (p *page) observer(s *session, done func(meta.Status) float64) meta.Observer {
	if p == nil {
		return func(meta.Event) error { return nil }
	}
	board := p.board.Observer(done, s.trainer.Last)
	return func(e meta.Event) error {
		if err := board(e); err != nil || e.Record == nil {
			return err
		}
		return p.train(*e.Record)
	}
}

// tell says in what state the run is.
func (p *page) tell(state string, lines []live.Line) error {
	if p == nil {
		return nil
	}
	return p.board.Tell(state, lines)
}

// close says how the run ended, and ends the page.
func (p *page) close(err error) error {
	if p == nil {
		return nil
	}
	state := live.Done
	if err != nil {
		state = live.Stopped
	}
	return errors.Join(p.tell(state, nil), p.server.Close(), p.folder.Remove(rundir.Page))
}

// beaten keeps what the baselines came to, in the folder and on the page, where that is measured as validation is: by the mean
// loss of episodes on one family of problems.
func (s *session) beaten(report *eval.Report) error {
	if s.settings.life() > 0 || s.settings.searches() || catalog.Mixed(s.settings.Problem) {
		return nil
	}
	lines := baselineLines(report)
	text, err := json.Marshal(lines)
	if err != nil {
		return err
	}
	return errors.Join(s.folder.Write(rundir.Baselines, append(text, '\n')), s.page.tell(live.Comparing, lines))
}

// baselineLines are those whose loss stayed finite.
func baselineLines(report *eval.Report) []live.Line {
	lines := []live.Line{}
	for _, r := range report.Results {
		sum := 0.0
		for _, x := range r.Curve {
			sum += float64(x)
		}
		mean := sum / float64(len(r.Curve))
		if r.Kind == "baseline" && !math.IsNaN(mean) && !math.IsInf(mean, 0) {
			lines = append(lines, live.Line{Name: r.Name, Loss: meta.Number(mean)})
		}
	}
	return lines
}
