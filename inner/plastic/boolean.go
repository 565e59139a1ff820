package plastic

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// BooleanOf is a family of tasks: one neuron learns a linearly separable function of two or three Boolean inputs, which are 0
// or 1. Bengio, Bengio and Cloutier learned their rules on such functions, and on how many it takes for a rule to learn others
// too (On the search for new learning rules for ANNs, 1995). The setting here is ours.
//
// The weights are one tensor, w [Inputs+1, 1], whose last presynaptic neuron is always 1:
//
//	u = Σ wᵢxᵢ,  y = 1/(1 + e⁻ᵘ).
//
// A life is Epochs times all patterns, in an order drawn anew for each epoch, a step for each pattern. The synapses feel pre.w
// [1, Inputs+1], and as [1, 1] potential.w (u), post.w (y), target.w (t, 0 or 1) and mod.w. The loss is the mean of (t − y)²
// over all patterns, and Eval's gradient is its derivative. The score "solved" is 1 if every y is on the right side of 1/2, else 0.
type BooleanOf[F params.Float] struct {
	Inputs    int     // 2 or 3; 2 if zero
	Functions []uint8 // truth tables, of Separable(Inputs); all of them if nil. One is a task
	Mod       string  // what mod.w is: "error", t − y, or "target", t alone; "error" if empty
	Epochs    int     // 30 if zero
	Start     float64 // weights start from the uniform distribution on ±Start; 0.5 if zero
}

// Boolean is BooleanOf in use.
type Boolean = BooleanOf[float32]

var _ inner.Tasks = Boolean{}

// functions returns the truth tables that there are to learn.
func (f BooleanOf[F]) functions() []uint8 {
	if f.Functions != nil {
		return f.Functions
	}
	return Separable(cmp.Or(f.Inputs, 2))
}

// Tasks implements inner.TasksOf.
func (f BooleanOf[F]) Tasks() int {
	if n := cmp.Or(f.Inputs, 2); n < 2 || n > 3 {
		return 1 // Task has an error for it
	}
	return max(1, len(f.functions()))
}

// Sample draws a task.
func (f BooleanOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	return f.Task(rng.New(key).IntN(f.Tasks()), key)
}

// Task implements inner.TasksOf: a neuron that learns the function of that number. The problem implements
// inner.SynapticPullbackOf, inner.Lived and inner.ScoredOf. Settings out of their ranges are errors.
func (f BooleanOf[F]) Task(number int, _ uint64) (inner.ProblemOf[F], error) {
	inputs, err := count("boolean", "Inputs", f.Inputs, 2, 2, 3)
	if err != nil {
		return nil, err
	}
	epochs, err := count("boolean", "Epochs", f.Epochs, 30, 1, 1<<20)
	if err != nil {
		return nil, err
	}
	width, err := amount("boolean", "Start", f.Start, 0.5)
	if err != nil {
		return nil, err
	}
	mod, err := modulatorOf("boolean", f.Mod)
	if err != nil {
		return nil, err
	}
	functions := f.functions()
	if number < 0 || number >= len(functions) {
		return nil, fmt.Errorf("plastic: boolean: no task %d; there are %d", number, len(functions))
	}
	t := functions[number]
	if !slices.Contains(Separable(inputs), t) {
		return nil, fmt.Errorf("plastic: boolean: function %d of %d inputs is not separable; see Separable", t, inputs)
	}
	return newNeuron[F](inputs, t, mod, epochs, width), nil
}

// A neuron learns one Boolean function.
type neuron[F params.Float] struct {
	patterns int
	x        []F // of all patterns, [patterns, n]
	t        []F
	n        int // weights
	mod      modulator
	epochs   int
	start    float64

	key   uint64 // of the life
	epoch int    // that order is of
	order []int
	draw  *rng.Stream
}

var (
	_ inner.Synaptic         = (*neuron[float32])(nil)
	_ inner.SynapticPullback = (*neuron[float32])(nil)
	_ inner.Lived            = (*neuron[float32])(nil)
	_ inner.Scored           = (*neuron[float32])(nil)
)

func newNeuron[F params.Float](inputs int, table uint8, mod modulator, epochs int, start float64) *neuron[F] {
	p := &neuron[F]{patterns: 1 << inputs, n: inputs + 1, mod: mod, epochs: epochs, start: start, epoch: -1, draw: rng.New(0)}
	p.order = make([]int, p.patterns)
	for k := range p.patterns {
		for i := range inputs {
			p.x = append(p.x, F(k>>i&1))
		}
		p.x = append(p.x, 1)
		p.t = append(p.t, F(table>>k&1))
	}
	return p
}

func (p *neuron[F]) Params() params.Layout { return params.Layout{{Name: "w", Shape: []int{p.n, 1}}} }

// Init also names the life, whose order of patterns follows from key.
func (p *neuron[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, p.n)
	p.draw.Reset(rng.Split(key, keyStart))
	for i := range theta {
		theta[i] = F(p.start * (2*p.draw.Float64() - 1))
	}
	p.key, p.epoch = rng.Split(key, keyOrder), -1
}

// Life implements inner.Lived.
func (p *neuron[F]) Life() int { return p.epochs * p.patterns }

// pattern returns the input of number k.
func (p *neuron[F]) pattern(k int) []F { return p.x[k*p.n : (k+1)*p.n] }

// activity returns u and y for an input.
func (p *neuron[F]) activity(x, theta []F) (u F, y float64) {
	for i, w := range theta {
		u += w * x[i]
	}
	return u, logistic(float64(u))
}

func (p *neuron[F]) Eval(grad, theta []F, _ uint64) (float64, error) {
	checkEval(grad, theta, p.n)
	if !kernel.Finite(theta) {
		fillNaN(grad)
		return math.NaN(), nil
	}
	clear(grad)
	loss := 0.0
	for k, t := range p.t {
		x := p.pattern(k)
		_, y := p.activity(x, theta)
		e := y - float64(t)
		loss += e * e
		if grad != nil {
			d := F(2 * e * y * (1 - y) / float64(p.patterns))
			for i, v := range x {
				grad[i] += d * v
			}
		}
	}
	return loss / float64(p.patterns), nil
}

// Score implements inner.ScoredOf.
func (p *neuron[F]) Score(theta []F) (map[string]float64, error) {
	checkLen("theta", theta, p.n)
	for k, t := range p.t {
		if _, y := p.activity(p.pattern(k), theta); !((y-0.5)*(float64(t)-0.5) > 0) {
			return map[string]float64{"solved": 0}, nil
		}
	}
	return map[string]float64{"solved": 1}, nil
}

// at returns the pattern of a step.
func (p *neuron[F]) at(step int) int {
	if epoch := step / p.patterns; epoch != p.epoch {
		p.shuffle(epoch)
	}
	return p.order[step%p.patterns]
}

// shuffle draws the order of an epoch.
func (p *neuron[F]) shuffle(epoch int) {
	p.epoch = epoch
	p.draw.Reset(rng.Split(p.key, uint64(epoch)))
	for i := range p.order {
		j := p.draw.IntN(i + 1)
		p.order[i] = p.order[j]
		p.order[j] = i
	}
}

// Where a neuron's senses lie, behind the Inputs+1 of pre.w.
const (
	atPotential = iota
	atPost
	atMod
	atTarget
	neuronSenses
)

// neuronOrder is what lies at these places.
var neuronOrder = [neuronSenses]params.Sense{params.Potential, params.Post, params.Mod, params.Target}

// Senses implements inner.SynapticOf.
func (p *neuron[F]) Senses() params.Layout {
	l := params.Layout{{Name: params.Pre.Of("w"), Shape: []int{1, p.n}}}
	for _, s := range neuronOrder {
		l = append(l, params.Spec{Name: s.Of("w"), Shape: []int{1, 1}})
	}
	return l
}

// Sense implements inner.SynapticOf: the pattern of the step. It follows from the key of Init; that of the step does not matter.
func (p *neuron[F]) Sense(dst, theta []F, step int, _ uint64) error {
	checkLen("senses", dst, p.n+neuronSenses)
	checkLen("theta", theta, p.n)
	k := p.at(step)
	x, t := p.pattern(k), p.t[k]
	u, y := p.activity(x, theta)
	s := dst[copy(dst, x):]
	s[atPotential], s[atPost], s[atTarget], s[atMod] = u, F(y), t, t
	if p.mod == tellsError {
		s[atMod] = F(float64(t) - y)
	}
	return nil
}

// SensePullback implements inner.SynapticPullbackOf.
func (p *neuron[F]) SensePullback(dTheta, cotangent, theta []F, step int, _ uint64) error {
	checkLen("dTheta", dTheta, p.n)
	checkLen("cotangent", cotangent, p.n+neuronSenses)
	checkLen("theta", theta, p.n)
	x := p.pattern(p.at(step))
	_, y := p.activity(x, theta)
	c := cotangent[p.n:]
	dy := c[atPost]
	if p.mod == tellsError {
		dy -= c[atMod]
	}
	du := c[atPotential] + dy*F(y*(1-y))
	for i, v := range x {
		dTheta[i] = du * v
	}
	return nil
}
