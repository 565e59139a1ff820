package distil

import (
	"context"
	"math"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// EstimatorOf gives the derivative, by the learner's phi, of how far its steps are from the teacher's in one episode. It carries nothing
// from one call to the next, and is for one goroutine at a time.
type EstimatorOf[F params.Float] struct {
	config  ConfigOf[F]
	members []inner.FamilyOf[F]
	classes []*class[F] // one for each member, nil until an episode is of it
}

// Estimator is the form in use.
type Estimator = EstimatorOf[float32]

var (
	_ meta.Estimator = (*Estimator)(nil)
	_ meta.Resumable = (*Estimator)(nil)
)

// New returns an estimator, or an error if the configuration makes no sense for one of the family's members, or if the machine has no room
// for what the runs of all of them take.
func New[F params.Float](c ConfigOf[F]) (*EstimatorOf[F], error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	e := &EstimatorOf[F]{config: c, members: inner.MembersOf(c.Family)}
	e.classes = make([]*class[F], len(e.members))
	_, err = e.class(0)
	return e, err
}

// Phi lays out the learner's meta-parameters.
func (e *EstimatorOf[F]) Phi() params.Layout { return e.config.Rule.Spec().Phi }

// Save implements meta.Resumable: there is nothing to keep.
func (*EstimatorOf[F]) Save(*checkpoints.File, string) error { return nil }

// Load implements meta.Resumable.
func (*EstimatorOf[F]) Load(*checkpoints.File, string) error { return nil }

// The keys of what is drawn for an episode.
const (
	keyLength = iota + 1
	keyTold
	keyPoints
	keyRun
)

// Estimate leads the teacher through an episode that the key names. A run that diverges ends the episode there; the loss is of the steps
// before, +Inf if nothing was asked about.
func (e *EstimatorOf[F]) Estimate(ctx context.Context, grad, phi []F, key uint64) (meta.Estimate, error) {
	clear(grad)
	c, err := e.class(inner.ChooseOf(e.config.Family, key))
	if err != nil {
		return meta.Estimate{}, err
	}
	length := e.length(key)
	told := length
	if rng.New(rng.Split(key, keyTold)).Float64() < e.config.Untold {
		told = 0
	}
	asked := e.asked(length, key)
	if err := c.begin(phi, told, rng.Split(key, keyRun)); err != nil {
		return meta.Estimate{}, err
	}
	sum, n, steps := 0.0, 0, 0
	for ; steps < length && c.finite(); steps++ {
		if err := ctx.Err(); err != nil {
			clear(grad)
			return meta.Estimate{}, err
		}
		apart, err := c.step(grad, phi, asked[steps])
		if err != nil {
			return meta.Estimate{}, err
		}
		if asked[steps] {
			sum += apart
			n++
		}
	}
	if n == 0 {
		return meta.Estimate{Loss: math.Inf(1), Steps: steps, Episodes: 1}, nil
	}
	for i := range grad {
		grad[i] /= F(n)
	}
	return meta.Estimate{Loss: sum / float64(n), Steps: steps, Episodes: 1}, nil
}

// length draws how many steps an episode has.
func (e *EstimatorOf[F]) length(key uint64) int {
	least, most := float64(e.config.Shortest), float64(e.config.Horizon)
	return int(math.Round(least * math.Pow(most/least, rng.New(rng.Split(key, keyLength)).Float64())))
}

// asked draws the steps of an episode that are asked about: half of them are as likely early as late, half are uniform in the logarithm.
func (e *EstimatorOf[F]) asked(length int, key uint64) []bool {
	s, asked := rng.New(rng.Split(key, keyPoints)), make([]bool, length)
	for i := range e.config.Points {
		at := float64(length) * s.Float64()
		if i%2 == 1 {
			at = math.Pow(float64(length), s.Float64()) - 1
		}
		asked[min(int(at), length-1)] = true
	}
	return asked
}

// class returns what the runs of a member need, which is made when it is first asked for.
func (e *EstimatorOf[F]) class(member int) (*class[F], error) {
	if e.classes[member] == nil {
		c, err := newClass(e.config, e.members[member])
		if err != nil {
			return nil, err
		}
		e.classes[member] = c
	}
	return e.classes[member], nil
}

// A class is a teacher with a learner beside it, on the problems of one member.
type class[F params.Float] struct {
	family inner.FamilyOf[F]
	phi    []F // the teacher's
	taught *learnedopt.Compiled[F]
	run    *meta.Trajectory[F] // the teacher's
	told   int

	learner        *learnedopt.Compiled[F]
	state          []F // the learner's memory
	before, dState []F // its memory before a step, and the cotangent of that
	own, want      []F // steps, the learner's and the teacher's
	unused         []F // the teacher's memory after a step that is only looked at
}

func newClass[F params.Float](c ConfigOf[F], f inner.FamilyOf[F]) (*class[F], error) {
	p, err := f.Sample(0) // for its layout
	if err != nil {
		return nil, err
	}
	options := learnedopt.Options{Copies: 1, Workers: 1}
	taught, err := learnedopt.CompileWith[F](c.Teacher.Rule, p.Params(), options)
	if err != nil {
		return nil, err
	}
	learner, err := learnedopt.CompileWith[F](c.Rule, p.Params(), options)
	if err != nil {
		return nil, err
	}
	n, m := taught.Coordinates(), learner.State().Len()
	room := func(n int) []F { return make([]F, n) }
	return &class[F]{
		family: f, phi: params.Convert[F](c.Teacher.Phi), taught: taught, run: meta.NewTrajectory(taught, c.Horizon), learner: learner,
		state: room(m), before: room(m), dState: room(m), own: room(n), want: room(n), unused: room(taught.State().Len()),
	}, nil
}

// begin starts an episode, of which both rules are told so many steps, 0 for none.
func (c *class[F]) begin(phi []F, told int, key uint64) error {
	problems, err := c.run.Sample(c.family, key)
	if err != nil {
		return err
	}
	c.told = told
	if err := c.run.BeginOn(problems, c.phi, key, told); err != nil {
		return err
	}
	if err := c.learner.Start(c.state, phi); err != nil {
		return err
	}
	return c.run.Evaluate()
}

// finite reports whether the run has not diverged.
func (c *class[F]) finite() bool {
	loss := c.run.Losses[0]
	return !math.IsNaN(loss) && !math.IsInf(loss, 0)
}

// step takes the teacher's step; the learner looks on. If it is asked, how far it is from the teacher comes back, and its derivative is
// added to grad.
func (c *class[F]) step(grad, phi []F, asked bool) (apart float64, err error) {
	losses := []F{F(c.run.Losses[0])}
	p := learnedopt.Point[F]{
		Phi: phi, State: c.state, Grad: c.run.Grad, Theta: c.run.Theta, Loss: losses, Step: c.run.Steps(), Horizon: c.told,
	}
	copy(c.before, c.state)
	if err := c.learner.Step(c.own, c.state, p); err != nil {
		return 0, err
	}
	if asked {
		if apart, err = c.ask(grad, p); err != nil {
			return 0, err
		}
	}
	if err := c.run.Advance(c.phi); err != nil {
		return 0, err
	}
	return apart, c.run.Evaluate()
}

// ask compares the step that the learner would take with the teacher's, where both are.
func (c *class[F]) ask(grad []F, p learnedopt.Point[F]) (apart float64, err error) {
	t := p
	t.Phi, t.State = c.phi, c.run.State
	if err := c.taught.Step(c.want, c.unused, t); err != nil {
		return 0, err
	}
	theta := c.learner.Theta()
	for i, want := range params.Split(theta, c.want) {
		apart += relative(params.Split(theta, c.own)[i], want) / float64(len(theta))
	}
	for i := range c.own {
		c.own[i] /= F(len(theta))
	}
	clear(c.dState)
	p.State = c.before
	return apart, c.learner.Pullback(learnedopt.Cotangents[F]{Step: c.own, Next: c.dState, Phi: grad, State: c.dState}, p)
}

// relative returns |u − u'|²/|u'|², and overwrites u with its derivative; both are zero where u' is.
func relative[F params.Float](u, want []F) float64 {
	var gap, size float64
	for i, w := range want {
		d := float64(u[i]) - float64(w)
		gap += d * d
		size += float64(w) * float64(w)
	}
	if size == 0 || math.IsInf(gap, 0) || math.IsNaN(gap) {
		clear(u)
		return 0
	}
	for i, w := range want {
		u[i] = F(2 * (float64(u[i]) - float64(w)) / size)
	}
	return gap / size
}
