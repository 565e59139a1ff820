package meta

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// BPTTOf estimates the meta-gradient by truncated backpropagation through time (Werbos 1990; Andrychowicz et al. 2016,
// section 2). Each call unrolls one window of K inner steps from where the last call left the episode, and differentiates
// the weighted sum of the losses seen on the way,
//
//	L = Σ_{t=0..K} w_t f_t(θ_t),  θ_{t+1} = θ_t + step(∇f_t(θ_t), state_t; φ),
//
// with the weights of an Objective. Weights and state are carried into the next window as constants, and never into a fresh
// episode. A window as long as the horizon gives the full gradient of an episode.
//
// Without Exact, the inner gradients count as constants too (∂∇f_t/∂φ = 0, the paper's dashed edges). Then nothing
// flows back through the problem, and with λ_t = dL/dθ_t
//
//	dL/dφ = Σ_t ⟨∂step_t/∂φ, λ_{t+1}⟩,  λ_t = λ_{t+1} + w_t ∇f_t(θ_t) + ⟨∂step_t/∂θ, λ_{t+1}⟩.
//
// With Exact, H_t·⟨∂step_t/∂∇, λ_{t+1}⟩ is added to λ_t, a Hessian-vector product a step.
//
// What synapses feel is always gone back through, for rules that read it: the problems must implement
// inner.SynapticPullbackOf.
//
// Where the rule steps on a teaching signal in place of the gradient, see inner.SignalledOf, ∇f_t in λ_t stays the
// derivative of the loss, and it is the signal that counts as a constant. Weights that the loss does not depend on, such as
// those that a credit rule learns itself, then add nothing to the meta-gradient: the rule moves them too, but it is not
// trained to.
type BPTTOf[F params.Float] struct {
	config     BPTTConfigOf[F]
	compiled   *learnedopt.Compiled[F]
	trajectory *Trajectory[F]
	live       bool // an episode is under way
	length     int  // of the episode
	made       int  // estimates so far
	start      place[F]
	tape       tape[F]

	losses  [][]float64 // for each run, those that the window met
	counts  []bool      // which of one run's count
	weights [][]F       // for each loss, the runs' weights
	slopes  [][]F       // for each loss, those of the runs' meta-losses; nil where these are the losses
	lambda  []F
}

// BPTTConfigOf says what BPTT unrolls.
type BPTTConfigOf[F params.Float] struct {
	Rule      learnedopt.Rule
	Family    inner.FamilyOf[F]
	Horizon   int        // inner steps of an episode; 100 if zero
	Window    int        // inner steps between two estimates, at most Horizon; 20 if zero
	Objective Objective  // Borders if empty
	MetaLoss  MetaLoss   // what each loss counts as; the loss itself if zero
	Baselines *Baselines // where the runs of MetaLoss's baseline are kept, to share them; the estimator's own if nil
	Exact     bool       // differentiate through the inner gradients; the problems must implement inner.CurvatureOf
	Copies    int        // problems that run side by side, their meta-losses averaged; 1 if zero
	Workers   int        // goroutines to use at most; runtime.GOMAXPROCS(0) if zero. The bits do not depend on it

	// Curriculum are the lengths of shorter episodes to begin with, each from 1 to Horizon: a long life can't be
	// differentiated before it has been made to go somewhere. Nil for none.
	Curriculum []int
	Stage      int // estimates at each length of the curriculum; 100 if zero

	// Fraction of the coordinates that the gradient is taken over, above 0 and at most 1; 1 if zero. Which they are is drawn
	// anew for each window, and their part is scaled up: the estimate stays unbiased and is cheaper, at the price of more
	// variance. For rules whose windows can be carried back at once, without Exact.
	Fraction float64
}

// The float32 forms are the ones in use.
type (
	BPTT       = BPTTOf[float32]
	BPTTConfig = BPTTConfigOf[float32]
)

var (
	_ Estimator = (*BPTT)(nil)
	_ Resumable = (*BPTT)(nil)
)

// filled returns the configuration with every default in its place, checked.
func (c BPTTConfigOf[F]) filled() (BPTTConfigOf[F], error) {
	if c.Horizon == 0 {
		c.Horizon = 100
	}
	if c.Window == 0 {
		c.Window = min(20, c.Horizon)
	}
	if c.Copies == 0 {
		c.Copies = 1
	}
	if c.Objective == "" {
		c.Objective = Borders
	}
	if c.Stage == 0 {
		c.Stage = 100
	}
	switch {
	case c.Horizon < 1:
		return c, fmt.Errorf("meta: horizon %d; want at least 1", c.Horizon)
	case c.Window < 1 || c.Window > c.Horizon:
		return c, fmt.Errorf("meta: window %d; want between 1 and the horizon, %d", c.Window, c.Horizon)
	case len(c.Curriculum) > 0 && (slices.Min(c.Curriculum) < 1 || slices.Max(c.Curriculum) > c.Horizon):
		return c, fmt.Errorf("meta: a curriculum of episodes of %v steps; want lengths from 1 to the horizon, %d", c.Curriculum, c.Horizon)
	case c.Stage < 1:
		return c, fmt.Errorf("meta: %d estimates at each length of the curriculum; want at least 1", c.Stage)
	case c.Copies < 1:
		return c, fmt.Errorf("meta: %d copies; want at least 1", c.Copies)
	case !(c.Fraction >= 0 && c.Fraction <= 1):
		return c, fmt.Errorf("meta: fraction %v of the coordinates; want above 0 and at most 1", c.Fraction)
	}
	return c, c.Objective.validate()
}

// NewBPTT returns an estimator, or an error if the configuration makes no sense.
func NewBPTT[F params.Float](c BPTTConfigOf[F]) (*BPTTOf[F], error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	if n := len(inner.MembersOf(c.Family)); n > 1 {
		return nil, fmt.Errorf("meta: a mix of %d families; want one of them, or NewMixed", n)
	}
	p, err := c.Family.Sample(0) // for its layout
	if err != nil {
		return nil, err
	}
	if err := c.suits(p); err != nil {
		return nil, err
	}
	_, signalled := p.(inner.SignalledOf[F])
	b := &BPTTOf[F]{config: c, counts: make([]bool, c.Window+1)}
	options := learnedopt.Options{Copies: c.Copies, Workers: c.Workers, Senses: inner.SensesOf(p)}
	if b.compiled, err = learnedopt.CompileWith[F](c.Rule, p.Params(), options); err != nil {
		return nil, err
	}
	if _, ok := p.(inner.SynapticPullbackOf[F]); !ok && senses(b.compiled.Reads()) {
		return nil, fmt.Errorf("meta: what %T shows to its synapses can't be differentiated; learn %q by evolution", p, c.Rule.Name())
	}
	b.trajectory = NewTrajectory(b.compiled, c.Horizon)
	if err := b.trajectory.SetMetaLoss(c.MetaLoss, p, true, c.Baselines); err != nil {
		return nil, err
	}
	b.start = newPlace(b.trajectory, signalled)
	b.lambda = make([]F, b.compiled.Coordinates())
	for range c.Copies {
		b.losses = append(b.losses, make([]float64, c.Window+1))
	}
	for range c.Window + 1 {
		b.weights = append(b.weights, make([]F, c.Copies))
		if b.trajectory.score != nil {
			b.slopes = append(b.slopes, make([]F, c.Copies))
		}
	}
	return b, b.newTape(signalled)
}

// suits reports problems that can't be differentiated as is wanted, or that there is no room for.
func (c BPTTConfigOf[F]) suits(p inner.ProblemOf[F]) error {
	_, signalled := p.(inner.SignalledOf[F])
	if _, ok := p.(inner.CurvatureOf[F]); c.Exact && (!ok || signalled) {
		return fmt.Errorf("meta: the exact meta-gradient needs Hessian-vector products, which %T has not", p)
	}
	return c.fits(p)
}

func (b *BPTTOf[F]) newTape(signalled bool) (err error) {
	c := b.config
	sampled := c.Fraction > 0 && c.Fraction < 1
	if !windowed(b.compiled, c.Exact) {
		if sampled {
			return fmt.Errorf("meta: rule %q can't take the gradient over a fraction of the coordinates", c.Rule.Name())
		}
		b.tape = newStepTape(b.compiled, c.Window, c.Exact, signalled, b.trajectory.metaGrad != nil)
		return nil
	}
	w := newWindowTape(b.compiled, c.Window, signalled || b.trajectory.metaGrad != nil)
	if sampled {
		w.sample, err = newSample(c.Rule, b.compiled, c.Fraction, c.Window, c.Workers)
	}
	b.tape = w
	return err
}

// Phi lays out the rule's meta-parameters.
func (b *BPTTOf[F]) Phi() params.Layout { return b.compiled.Phi() }

// Estimate differentiates the next window. The key names the episode if the call starts one.
func (b *BPTTOf[F]) Estimate(ctx context.Context, grad, phi []F, key uint64) (Estimate, error) {
	if len(grad) != b.Phi().Len() || len(phi) != len(grad) {
		panic(fmt.Sprintf("meta: gradient of length %d and phi of length %d, want %d", len(grad), len(phi), b.Phi().Len()))
	}
	clear(grad)
	if !b.live {
		b.setLength(b.lengthNow())
		if err := b.trajectory.Begin(b.config.Family, phi, key); err != nil {
			return Estimate{}, err
		}
		if err := b.trajectory.Evaluate(); err != nil {
			return Estimate{}, err
		}
		b.live = true
	}
	if err := b.trajectory.Prepare(ctx, b.length); err != nil {
		b.live = b.trajectory.Steps() > 0
		return Estimate{}, err
	}
	b.start.save(b.trajectory)
	width := min(b.config.Window, b.length-b.trajectory.Steps())
	loss, err := b.forward(ctx, phi, width)
	if err == nil && finite(loss) {
		err = b.tape.back(ctx, grad, phi, b.trajectory, b.weights[:width+1], b.lambda, key)
	}
	if err != nil {
		clear(grad)
		b.live = b.start.steps > 0
		b.start.restore(b.trajectory)
		return Estimate{}, err
	}
	est := Estimate{Loss: loss, Steps: (b.trajectory.Steps() - b.start.steps) * b.config.Copies}
	if !finite(loss) {
		est.Loss = math.Inf(1)
	}
	b.made++
	if !finite(loss) || b.trajectory.Steps() == b.length {
		b.live = false
		est.Episodes = b.config.Copies
	}
	return est, nil
}

// Revert implements Reversible.
func (b *BPTTOf[F]) Revert() {
	b.start.restore(b.trajectory)
	b.live = b.start.steps > 0
	b.made--
}

// lengthNow returns the length of an episode that begins now.
func (b *BPTTOf[F]) lengthNow() int {
	if stage := b.made / b.config.Stage; stage < len(b.config.Curriculum) {
		return b.config.Curriculum[stage]
	}
	return b.config.Horizon
}

// setLength says how long the episode is.
func (b *BPTTOf[F]) setLength(steps int) { b.length, b.trajectory.horizon = steps, steps }

// forward takes width inner steps, noted on the tape, sets the weights of the losses and returns the meta-loss. It ends early
// where a loss is not finite.
func (b *BPTTOf[F]) forward(ctx context.Context, phi []F, width int) (loss float64, err error) {
	tr := b.trajectory
	b.meet(0)
	sum := tr.Loss()
	for t := range width {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b.tape.note(t, tr)
		if err := tr.Advance(phi); err != nil {
			return 0, err
		}
		if lean(b.config.Objective, b.compiled.Reads()) && t+1 < width {
			if err := tr.Sense(); err != nil {
				return 0, err
			}
			continue
		}
		if err := tr.Evaluate(); err != nil {
			return 0, err
		}
		b.meet(t + 1)
		if sum += tr.Loss(); !finite(sum) {
			return sum, nil
		}
	}
	return b.weigh(width), nil
}

// meet notes the t-th losses of a window.
func (b *BPTTOf[F]) meet(t int) {
	for i, loss := range b.trajectory.MetaLosses {
		b.losses[i][t] = loss
	}
	if b.slopes != nil {
		copy(b.slopes[t], b.trajectory.score.slopes)
	}
}

// weigh sets the weights of the losses of a window and returns the meta-loss, the mean over the runs.
func (b *BPTTOf[F]) weigh(width int) float64 {
	divisor := 1
	for i := range b.losses {
		divisor = b.config.Objective.count(b.counts[:width+1], b.losses[i][:width+1])
		for t, counts := range b.counts[:width+1] {
			b.weights[t][i] = 0
			if counts {
				b.weights[t][i] = 1 / (F(divisor) * F(b.config.Copies))
			}
		}
	}
	loss := 0.0
	for t := range width + 1 {
		sum := 0.0
		for i, w := range b.weights[t] {
			if w != 0 {
				sum += b.losses[i][t]
			}
		}
		loss += sum
	}
	b.chain(width)
	return loss / float64(divisor) / float64(b.config.Copies)
}

// chain makes weights of losses of the weights of meta-losses.
func (b *BPTTOf[F]) chain(width int) {
	for t, slopes := range b.slopes[:min(width+1, len(b.slopes))] {
		for i, slope := range slopes {
			b.weights[t][i] *= slope
		}
	}
}

// A place is where a trajectory stood, evaluated.
type place[F params.Float] struct {
	steps                        int
	theta, state, grad, trueGrad []F
	losses                       []float64
	senses                       []F

	// Of a MetaLoss: what the losses count as, the slopes of that, and the derivatives on other minibatches.
	metaLosses       []float64
	slopes, metaGrad []F
}

func newPlace[F params.Float](t *Trajectory[F], signalled bool) place[F] {
	n := len(t.Theta)
	p := place[F]{theta: make([]F, n), state: make([]F, len(t.State)), grad: make([]F, n), losses: make([]float64, t.Runs()), senses: make([]F, len(t.Senses))}
	if p.trueGrad = p.grad; signalled {
		p.trueGrad = make([]F, n)
	}
	if t.score != nil {
		p.metaLosses, p.slopes, p.metaGrad = make([]float64, t.Runs()), make([]F, t.Runs()), make([]F, len(t.metaGrad))
	}
	return p
}

func (p *place[F]) save(t *Trajectory[F]) {
	p.steps = t.steps
	copy(p.theta, t.Theta)
	copy(p.state, t.State)
	copy(p.grad, t.Grad)
	copy(p.trueGrad, t.TrueGrad)
	copy(p.losses, t.Losses)
	copy(p.senses, t.Senses)
	if t.score != nil {
		copy(p.metaLosses, t.MetaLosses)
		copy(p.slopes, t.score.slopes)
		copy(p.metaGrad, t.metaGrad)
	}
}

func (p *place[F]) restore(t *Trajectory[F]) {
	t.steps = p.steps
	copy(t.Theta, p.theta)
	copy(t.State, p.state)
	copy(t.Grad, p.grad)
	copy(t.TrueGrad, p.trueGrad)
	copy(t.Losses, p.losses)
	copy(t.Senses, p.senses)
	if t.score != nil {
		copy(t.MetaLosses, p.metaLosses)
		copy(t.score.slopes, p.slopes)
		copy(t.metaGrad, p.metaGrad)
	}
	for i, f := range p.losses {
		t.losses[i] = F(f)
	}
}
