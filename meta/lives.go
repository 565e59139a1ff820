package meta

import (
	"context"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/learnedopt"
)

// LivesConfig says what lives are led.
type LivesConfig struct {
	Rule      learnedopt.Rule
	Family    inner.Family
	Steps     int       // of a life; if zero as many as the problems' Life says, or 100 where they are not inner.Lived
	Copies    int       // lives side by side; if zero one for each task of an inner.Tasks, else 1
	Objective Objective // of the losses of a whole life, as in a window of that length; Last if empty
	Workers   int       // goroutines to use at most; 1 if zero. The bits do not depend on it
}

// Lives tells how good a rule is by leading whole lives under it, with no gradient and nothing kept of them: what evolution
// needs, and what a rule is validated by that was learned for lives. It is for one goroutine at a time.
//
// Where there are at least as many lives as tasks, the tasks take turns; else each life draws one.
type Lives struct {
	config     LivesConfig
	trajectory *Trajectory[float32]
	losses     [][]float64 // of each life, those that were looked at
	counts     []bool
}

// NewLives returns lives to be led, or an error if the configuration makes no sense or the machine has no room.
func NewLives(c LivesConfig) (*Lives, error) {
	p, err := c.Family.Sample(0) // for its layout
	if err != nil {
		return nil, err
	}
	if c, err = c.filled(p); err != nil {
		return nil, err
	}
	state, err := learnedopt.StateLen(c.Rule, p.Params(), 1)
	if err != nil {
		return nil, err
	}
	if err := machine.Fits(c.bytes(p, state)); err != nil {
		return nil, fmt.Errorf("meta: %d lives of %d steps: %w", c.Copies, c.Steps, err)
	}
	options := learnedopt.Options{Copies: c.Copies, Workers: c.Workers, Senses: inner.SensesOf(p)}
	compiled, err := learnedopt.CompileWith[float32](c.Rule, p.Params(), options)
	if err != nil {
		return nil, err
	}
	l := &Lives{config: c, trajectory: NewTrajectory(compiled, c.Steps), counts: make([]bool, c.Steps+1)}
	for range c.Copies {
		l.losses = append(l.losses, make([]float64, c.Steps+1))
	}
	return l, nil
}

// filled returns the configuration with every default in its place, checked.
func (c LivesConfig) filled(p inner.Problem) (LivesConfig, error) {
	if c.Steps == 0 {
		c.Steps = 100
		if l, ok := p.(inner.Lived); ok {
			c.Steps = l.Life()
		}
	}
	if c.Copies == 0 {
		c.Copies = 1
		if t, ok := c.Family.(inner.Tasks); ok {
			c.Copies = t.Tasks()
		}
	}
	if c.Objective == "" {
		c.Objective = Last
	}
	if c.Workers == 0 {
		c.Workers = 1
	}
	if c.Steps < 1 || c.Copies < 1 {
		return c, fmt.Errorf("meta: %d lives of %d steps; want at least 1 of each", c.Copies, c.Steps)
	}
	return c, c.Objective.validate()
}

// bytes estimates what lives take, for a problem and the state that the rule keeps for it.
func (c LivesConfig) bytes(p inner.Problem, state int) float64 {
	each := (3*float64(p.Params().Len()) + float64(state) + float64(inner.SensesOf(p).Len())) * machine.Size[float32]()
	each += float64(c.Steps+1) * machine.Size[float64]()
	if s, ok := p.(inner.Sized); ok {
		each += s.Bytes()
	}
	return each * float64(c.Copies)
}

// Steps returns the number of steps of a life.
func (l *Lives) Steps() int { return l.config.Steps }

// Evaluate leads all lives under phi and returns the mean of their losses, +Inf as soon as one of them is not finite. Problems,
// starts and minibatches follow from key.
func (l *Lives) Evaluate(ctx context.Context, phi []float32, key uint64) (Estimate, error) {
	if err := l.trajectory.Begin(l.config.Family, phi, key); err != nil {
		return Estimate{}, err
	}
	e := Estimate{Episodes: l.config.Copies}
	sound, err := l.live(ctx, phi)
	e.Steps = l.trajectory.Steps() * l.config.Copies
	if err != nil || !sound {
		e.Loss = math.Inf(1)
		return e, err
	}
	e.Loss = l.loss()
	return e, nil
}

// live leads the lives to their end, or to the first loss that is not finite.
func (l *Lives) live(ctx context.Context, phi []float32) (sound bool, err error) {
	tr, lean := l.trajectory, lean(l.config.Objective, l.trajectory.compiled.Reads())
	for t := range l.config.Steps {
		if t%64 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		look := tr.Evaluate
		if lean {
			look = tr.Sense
		}
		if err := look(); err != nil {
			return false, err
		}
		if !lean && !l.meet(t) {
			return false, nil
		}
		if err := tr.Advance(phi); err != nil {
			return false, err
		}
	}
	err = tr.Measure()
	return l.meet(l.config.Steps), err
}

// meet notes the t-th losses and reports whether they are finite.
func (l *Lives) meet(t int) bool {
	for i, loss := range l.trajectory.Losses {
		l.losses[i][t] = loss
	}
	return finite(l.trajectory.Loss())
}

// loss returns the mean over the lives of what the objective makes of their losses.
func (l *Lives) loss() float64 {
	mean := 0.0
	for _, losses := range l.losses {
		divisor := l.config.Objective.count(l.counts, losses)
		for t, counts := range l.counts {
			if counts {
				mean += losses[t] / float64(divisor*len(l.losses))
			}
		}
	}
	return mean
}

// Scores returns those of the lives that Evaluate led last; see Trajectory.Scores.
func (l *Lives) Scores() (map[string][]float64, error) { return l.trajectory.Scores() }

// lean reports whether nobody looks at losses and gradients but at the end.
func lean(o Objective, reads learnedopt.Vars) bool {
	return o == Last && reads&(learnedopt.Grad|learnedopt.Loss) == 0
}
