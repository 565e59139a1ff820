package meta

import (
	"context"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// BPTTOf estimates the meta-gradient by truncated backpropagation through time (Werbos 1990; Andrychowicz et al. 2016,
// section 2). Each call unrolls one window of K inner steps from where the last call left the episode, and
// differentiates the mean of the K+1 losses seen on the way,
//
//	L = 1/(K+1) Σ_{t=0..K} f_t(θ_t),  θ_{t+1} = θ_t + step(∇f_t(θ_t), state_t; φ),
//
// the one after the window's last step included. Weights and state are carried into the next window as constants, and
// never into a fresh episode. A window as long as the horizon gives the full gradient of an episode.
//
// Without Exact, the inner gradients count as constants too (∂∇f_t/∂φ = 0, the paper's dashed edges). Then nothing
// flows back through the problem, and with λ_t = dL/dθ_t
//
//	dL/dφ = Σ_t ⟨∂step_t/∂φ, λ_{t+1}⟩,  λ_t = λ_{t+1} + ∇f_t(θ_t)/(K+1) + ⟨∂step_t/∂θ, λ_{t+1}⟩.
//
// With Exact, H_t·⟨∂step_t/∂∇, λ_{t+1}⟩ is added to λ_t, a Hessian-vector product a step.
//
// Where the rule steps on a teaching signal in place of the gradient, see inner.SignalledOf, ∇f_t in λ_t stays the
// derivative of the loss, and it is the signal that counts as a constant. Weights that the loss does not depend on, such as
// those that a credit rule learns itself, then add nothing to the meta-gradient: the rule moves them too, but it is not
// trained to.
type BPTTOf[F params.Float] struct {
	config   BPTTConfigOf[F]
	family   inner.FamilyOf[F]
	compiled *learnedopt.Compiled[F]
	live     *episode[F] // nil: the next call starts one
	memory   memory[F]   // of the live episode, and of the next

	tape   []tick[F]
	start  tick[F] // copies of where a window began, to return to if it is cut short
	step   []F
	dTheta []F // λ
	dState []F
	dGrad  []F
	dRead  []F // the cotangent of the weights that the rule read
	hv     []F
	sample *sample[F] // nil: all coordinates
}

// BPTTConfigOf says what BPTT unrolls.
type BPTTConfigOf[F params.Float] struct {
	Rule    learnedopt.Rule
	Family  inner.FamilyOf[F]
	Horizon int  // inner steps of an episode; 100 if zero
	Window  int  // inner steps between two estimates, at most Horizon; 20 if zero
	Exact   bool // differentiate through the inner gradients; the problems must implement inner.CurvatureOf
	Copies  int  // problems that run side by side, their meta-losses averaged; 1 if zero

	// Fraction of the coordinates that the gradient is taken over, above 0 and at most 1; 1 if zero. Which they are is drawn
	// anew for each window, and their part is scaled up: the estimate stays unbiased and is cheaper, at the price of more
	// variance. For rules with PullbackWindow, without Exact.
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

// A tick is what the pullback of one step needs.
type tick[F params.Float] struct {
	grad  []F
	slope []F // the derivative of the loss; grad itself where the rule sees that
	state []F // unless whole windows are carried back
	theta []F // where something reads it
	dStep []F // where whole windows are carried back
	batch uint64
}

// NewBPTT returns an estimator, or an error if the configuration makes no sense.
func NewBPTT[F params.Float](c BPTTConfigOf[F]) (*BPTTOf[F], error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	if err := c.fits(); err != nil {
		return nil, err
	}
	b := &BPTTOf[F]{config: c, family: c.Family}
	if c.Copies > 1 {
		b.family = inner.ReplicateOf[F]{Family: c.Family, Copies: c.Copies}
	}
	p, err := b.family.Sample(0)
	if err != nil {
		return nil, err
	}
	_, signalled := p.(inner.SignalledOf[F])
	if _, ok := p.(inner.CurvatureOf[F]); c.Exact && (!ok || signalled) {
		return nil, fmt.Errorf("meta: the exact meta-gradient needs Hessian-vector products, which %T has not", p)
	}
	if b.compiled, err = learnedopt.Compile[F](c.Rule, p.Params()); err != nil {
		return nil, err
	}
	b.allocate(signalled)
	if c.Fraction > 0 && c.Fraction < 1 {
		if !b.wholeWindow() {
			return nil, fmt.Errorf("meta: rule %q can't take the gradient over a fraction of the coordinates", c.Rule.Name())
		}
		b.sample, err = newSample[F](c.Rule, b.compiled, c.Fraction, c.Window)
	}
	return b, err
}

// fill sets the defaults, and reports what is out of its range.
func (c *BPTTConfigOf[F]) fill() error {
	if c.Horizon == 0 {
		c.Horizon = 100
	}
	if c.Window == 0 {
		c.Window = min(20, c.Horizon)
	}
	if c.Copies == 0 {
		c.Copies = 1
	}
	switch {
	case c.Horizon < 1:
		return fmt.Errorf("meta: horizon %d; want at least 1", c.Horizon)
	case c.Window < 1 || c.Window > c.Horizon:
		return fmt.Errorf("meta: window %d; want between 1 and the horizon, %d", c.Window, c.Horizon)
	case c.Copies < 1:
		return fmt.Errorf("meta: %d copies; want at least 1", c.Copies)
	case !(c.Fraction >= 0 && c.Fraction <= 1):
		return fmt.Errorf("meta: fraction %v of the coordinates; want above 0 and at most 1", c.Fraction)
	}
	return nil
}

func (b *BPTTOf[F]) allocate(signalled bool) {
	n, m := b.compiled.Coordinates(), b.compiled.State().Len()
	newTick := func(theta bool) tick[F] {
		t := tick[F]{state: make([]F, m), grad: make([]F, n)}
		t.slope = t.grad
		if signalled {
			t.slope = make([]F, n)
		}
		if theta {
			t.theta = make([]F, n)
		}
		return t
	}
	for range b.config.Window {
		b.tape = append(b.tape, newTick(b.config.Exact || b.readsTheta()))
	}
	if b.wholeWindow() {
		for t := range b.tape {
			b.tape[t].state = nil // computed again, block by block
			b.tape[t].dStep = make([]F, n)
		}
	} else {
		b.dState = make([]F, m)
	}
	b.start = newTick(true)
	b.memory = memory[F]{theta: make([]F, n), state: make([]F, m), grad: make([]F, n)}
	b.step, b.dTheta = make([]F, n), make([]F, n)
	if b.readsTheta() {
		b.dRead = make([]F, n)
	}
	if b.config.Exact {
		b.dGrad, b.hv = make([]F, n), make([]F, n)
	}
}

// wholeWindow says whether a window is carried back at once: the rule can, and nothing but the gradients, which count as
// constants, couples its steps to the problem.
func (b *BPTTOf[F]) wholeWindow() bool {
	return b.compiled.HasWindow() && !b.config.Exact && !b.readsTheta()
}

func (b *BPTTOf[F]) readsTheta() bool { return b.compiled.Reads()&learnedopt.Theta != 0 }

// Phi lays out the rule's meta-parameters.
func (b *BPTTOf[F]) Phi() params.Layout { return b.compiled.Phi() }

// Estimate differentiates the next window. The key names the episode if the call starts one.
func (b *BPTTOf[F]) Estimate(ctx context.Context, grad, phi []F, key uint64) (Estimate, error) {
	if len(grad) != b.Phi().Len() || len(phi) != len(grad) {
		panic(fmt.Sprintf("meta: gradient of length %d and phi of length %d, want %d", len(grad), len(phi), b.Phi().Len()))
	}
	clear(grad)
	if b.live == nil {
		e, err := newEpisode(b.family, key, b.memory)
		if err != nil {
			return Estimate{}, err
		}
		b.live = e
	}
	restore, before := b.save(), b.live.steps
	width := min(b.config.Window, b.config.Horizon-b.live.steps)
	loss, err := b.forward(ctx, phi, width)
	if err == nil && finite(loss) {
		err = b.backward(ctx, grad, phi, width, rng.Split(key, keySample))
	}
	if err != nil {
		clear(grad)
		restore()
		return Estimate{}, err
	}
	est := Estimate{Loss: loss / float64(b.config.Copies), Steps: (b.live.steps - before) * b.config.Copies}
	if !finite(loss) {
		est.Loss = math.Inf(1)
	}
	if !finite(loss) || b.live.steps == b.config.Horizon {
		b.live = nil
		est.Episodes = b.config.Copies
	}
	return est, nil
}

// save notes where the episode is, and returns a function that puts it back there.
func (b *BPTTOf[F]) save() (restore func()) {
	e := b.live
	copy(b.start.state, e.state)
	copy(b.start.grad, e.grad)
	copy(b.start.slope, e.slope)
	copy(b.start.theta, e.theta)
	steps, loss := e.steps, e.loss
	return func() {
		if steps == 0 {
			b.live = nil
			return
		}
		copy(e.state, b.start.state)
		copy(e.grad, b.start.grad)
		copy(e.slope, b.start.slope)
		copy(e.theta, b.start.theta)
		e.steps, e.loss = steps, loss
	}
}

// forward takes width inner steps, noting what the pullback needs, and returns the mean of the losses. It ends early
// where one of them is not finite.
func (b *BPTTOf[F]) forward(ctx context.Context, phi []F, width int) (loss float64, err error) {
	e := b.live
	loss = e.loss
	for t := range width {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		k := &b.tape[t]
		k.batch = e.batch(e.steps)
		copy(k.state, e.state)
		copy(k.grad, e.grad)
		copy(k.slope, e.slope)
		copy(k.theta, e.theta)
		if err := b.compiled.Step(b.step, e.state, learnedopt.Point[F]{Phi: phi, State: e.state, Grad: e.grad, Theta: e.theta}); err != nil {
			return 0, err
		}
		for i, s := range b.step {
			e.theta[i] += s
		}
		e.steps++
		if err := e.eval(); err != nil {
			return 0, err
		}
		if loss += e.loss; !finite(loss) {
			break
		}
	}
	return loss / float64(width+1), nil
}

// backward carries the derivative of the mean loss back over the window's steps and adds it up in grad.
func (b *BPTTOf[F]) backward(ctx context.Context, grad, phi []F, width int, key uint64) error {
	weight := 1 / (F(width+1) * F(b.config.Copies))
	for i, g := range b.live.slope {
		b.dTheta[i] = weight * g
	}
	if b.wholeWindow() {
		return b.backwardWindow(grad, phi, width, weight, key)
	}
	clear(b.dState)
	for t := width - 1; t >= 0; t-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := &b.tape[t]
		d := learnedopt.Cotangents[F]{
			Step: b.dTheta, Next: b.dState, Phi: grad, State: b.dState, Grad: b.dGrad, Theta: b.dRead,
		}
		p := learnedopt.Point[F]{Phi: phi, State: k.state, Grad: k.grad, Theta: k.theta}
		if err := b.compiled.Pullback(d, p); err != nil {
			return err
		}
		for i, g := range k.slope {
			b.dTheta[i] += weight * g
		}
		for i, d := range b.dRead {
			b.dTheta[i] += d
		}
		if b.config.Exact {
			if err := b.live.problem.(inner.CurvatureOf[F]).HessianVector(b.hv, k.theta, b.dGrad, k.batch); err != nil {
				return err
			}
			for i, h := range b.hv {
				b.dTheta[i] += h
			}
		}
	}
	return nil
}

// backwardWindow is backward for rules that can carry a window back at once: λ is a running sum of gradients.
func (b *BPTTOf[F]) backwardWindow(grad, phi []F, width int, weight F, key uint64) error {
	w := learnedopt.Window[F]{Phi: phi, State: b.start.state, DPhi: grad}
	for t := width - 1; t >= 0; t-- {
		k := &b.tape[t]
		copy(k.dStep, b.dTheta)
		for i, g := range k.slope {
			b.dTheta[i] += weight * g
		}
	}
	for t := range width {
		w.Grads, w.DStep = append(w.Grads, b.tape[t].grad), append(w.DStep, b.tape[t].dStep)
	}
	if b.sample != nil {
		return b.sample.pullbackWindow(w, key)
	}
	return b.compiled.PullbackWindow(w)
}

// Snapshot returns a copy of the unfinished episode.
func (b *BPTTOf[F]) Snapshot() Snapshot {
	if b.live == nil {
		return Snapshot{}
	}
	return Snapshot{
		Key: b.live.key, Step: b.live.steps,
		Theta: params.Convert[float32](b.live.theta), State: params.Convert[float32](b.live.state),
	}
}

// Restore goes on from a snapshot.
func (b *BPTTOf[F]) Restore(s Snapshot) error {
	if s.Step == 0 {
		b.live = nil
		return nil
	}
	n, m := b.compiled.Coordinates(), b.compiled.State().Len()
	if len(s.Theta) != n || len(s.State) != m || s.Step >= b.config.Horizon || s.Step < 0 {
		return fmt.Errorf("meta: a snapshot of %d weights and a state of %d at step %d does not fit %d weights, a state of %d and a horizon of %d",
			len(s.Theta), len(s.State), s.Step, n, m, b.config.Horizon)
	}
	e, err := newEpisode(b.family, s.Key, b.memory)
	if err != nil {
		return err
	}
	e.steps = s.Step
	copy(e.theta, params.Convert[F](s.Theta))
	copy(e.state, params.Convert[F](s.State))
	if err := e.eval(); err != nil {
		return err
	}
	b.live = e
	return nil
}
