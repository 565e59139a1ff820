package plastic

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// XOROf is a family of tasks that take hidden neurons: a logistic network 2-Hidden-1 learns a function of two Boolean inputs.
// The credit rule makes the modulators: backprop's are transported by the forward weights, and those of feedback alignment
// ("fa") by fixed random ones, so that one plasticity rule can be either.
//
// The weights are w0 [2, Hidden], b0 [Hidden], w1 [Hidden, 1] and b1 [1]. A step is on all four patterns at once, which are the
// examples; what synapses feel is told by credit.SensesOf. The loss is half the mean of (t − y)², Eval's gradient is the credit
// rule's, and the score "solved" is 1 if every y is on the right side of 1/2, else 0.
type XOROf[F params.Float] struct {
	Functions []string         // of "xor", "xnor", "and"; ["xor"] if nil. One is a task
	Hidden    int              // 1..4096; 4 if zero
	Rule      credit.RuleOf[F] // backprop if nil; one with weights of its own to learn is refused
	Init      nets.Init        // of the weights; normal1 if empty
	Steps     int              // in a life; 1500 if zero
}

// XOR is XOROf in use.
type XOR = XOROf[float32]

var _ inner.Tasks = XOR{}

// kin are the truth tables of the functions, as in Separable.
var kin = map[string]uint8{"xor": 0b0110, "xnor": 0b1001, "and": 0b1000}

const (
	xorPatterns = 4
	keyRule     = 1 // the child of a life's key that has the credit rule's draws, as in package credit
)

func (f XOROf[F]) functions() []string {
	if f.Functions == nil {
		return []string{"xor"}
	}
	return f.Functions
}

// Tasks implements inner.TasksOf.
func (f XOROf[F]) Tasks() int { return max(1, len(f.functions())) }

// Sample draws a task.
func (f XOROf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	return f.Task(rng.New(key).IntN(f.Tasks()), key)
}

// Task implements inner.TasksOf: a network that learns the function of that number. The problem implements inner.SynapticOf,
// inner.SignalledOf, inner.Lived and inner.ScoredOf. Settings out of their ranges are errors.
func (f XOROf[F]) Task(number int, _ uint64) (inner.ProblemOf[F], error) {
	hidden, err := count("xor", "Hidden", f.Hidden, 4, 1, 4096)
	if err != nil {
		return nil, err
	}
	steps, err := count("xor", "Steps", f.Steps, 1500, 1, 1<<20)
	if err != nil {
		return nil, err
	}
	if f.Init == "" {
		f.Init = "normal1"
	}
	if err := f.Init.Validate(); err != nil {
		return nil, fmt.Errorf("plastic: xor: %w", err)
	}
	functions := f.functions()
	if number < 0 || number >= len(functions) {
		return nil, fmt.Errorf("plastic: xor: no task %d; there are %d", number, len(functions))
	}
	table, ok := kin[functions[number]]
	if !ok {
		return nil, fmt.Errorf("plastic: xor: no function %q; there are %s",
			functions[number], strings.Join(slices.Sorted(maps.Keys(kin)), ", "))
	}
	p := &network[F]{init: f.Init, steps: steps}
	if err := p.build(hidden, f.Rule); err != nil {
		return nil, err
	}
	p.show(table)
	return p, nil
}

// A network learns one function.
type network[F params.Float] struct {
	init     nets.Init
	steps    int
	n        int // weights
	felt     int // numbers that synapses feel
	net      *nets.NetOf[F]
	trace    *nets.TraceOf[F]
	senses   *credit.SensesOf[F]
	assigner credit.AssignerOf[F]
	truth    credit.AssignerOf[F] // backprop
	signal   *credit.SignalOf[F]
}

var (
	_ inner.Synaptic  = (*network[float32])(nil)
	_ inner.Signalled = (*network[float32])(nil)
	_ inner.Lived     = (*network[float32])(nil)
	_ inner.Scored    = (*network[float32])(nil)
)

func (p *network[F]) build(hidden int, rule credit.RuleOf[F]) (err error) {
	p.net, err = nets.New[F](nets.Vector(2), nets.SquaredError,
		nets.Dense{Units: hidden}, nets.Activation("sigmoid"), nets.Dense{Units: 1}, nets.Activation("sigmoid"))
	if err != nil {
		return err
	}
	if p.truth, err = (credit.BackpropOf[F]{}).Bind(p.net, xorPatterns); err != nil {
		return err
	}
	p.assigner = p.truth
	if rule != nil {
		if p.assigner, err = rule.Bind(p.net, xorPatterns); err != nil {
			return err
		}
		if own := p.assigner.Params(); own.Len() > 0 {
			return fmt.Errorf("plastic: xor: credit rule %s learns weights of its own, %v; want one that learns none", rule.Name(), own)
		}
	}
	p.trace = p.net.NewTrace(xorPatterns)
	p.signal = credit.NewSignal(p.net, xorPatterns)
	p.senses = credit.NewSenses(p.net, xorPatterns)
	p.n, p.felt = p.net.Params().Len(), p.senses.Layout().Len()
	return nil
}

// show puts the patterns and what they should give into the trace, for good.
func (p *network[F]) show(table uint8) {
	for k := range xorPatterns {
		p.trace.In(0)[2*k], p.trace.In(0)[2*k+1] = F(k&1), F(k>>1)
		p.trace.Target[k] = F(table >> k & 1)
	}
}

func (p *network[F]) Params() params.Layout { return p.net.Params() }

// Init also draws what the credit rule keeps fixed until the next Init.
func (p *network[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, p.n)
	p.net.Start(theta, p.init, key)
	p.assigner.Init(nil, theta, rng.Split(key, keyRule))
}

// Life implements inner.Lived.
func (p *network[F]) Life() int { return p.steps }

// forward runs the net, unless theta is not finite.
func (p *network[F]) forward(theta []F) bool {
	if !kernel.Finite(theta) {
		return false
	}
	p.net.Forward(p.trace, theta)
	return true
}

func (p *network[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	checkEval(grad, theta, p.n)
	if !p.forward(theta) {
		fillNaN(grad)
		return math.NaN(), nil
	}
	loss := p.trace.Loss // the rule may run the net again
	if grad == nil {
		return loss, nil
	}
	return loss, p.gradient(p.assigner, grad, theta, key)
}

// gradient overwrites grad with what a credit rule makes of the patterns that the net has run forward.
func (p *network[F]) gradient(by credit.AssignerOf[F], grad, theta []F, key uint64) error {
	if err := by.Assign(p.signal, p.trace, theta, nil, rng.Split(key, keyRule)); err != nil {
		return err
	}
	p.signal.Gradient(p.net, grad, p.trace)
	clear(p.signal.Pre)
	return nil
}

// Derivative implements inner.SignalledOf.
func (p *network[F]) Derivative(dst, theta []F, key uint64) error {
	checkLen("dst", dst, p.n)
	checkLen("theta", theta, p.n)
	if !p.forward(theta) {
		fillNaN(dst)
		return nil
	}
	return p.gradient(p.truth, dst, theta, key)
}

// Score implements inner.ScoredOf.
func (p *network[F]) Score(theta []F) (map[string]float64, error) {
	checkLen("theta", theta, p.n)
	if !p.forward(theta) {
		return map[string]float64{"solved": 0}, nil
	}
	for k, y := range p.trace.Out(p.net.Blocks() - 1) {
		if !((y-0.5)*(p.trace.Target[k]-0.5) > 0) {
			return map[string]float64{"solved": 0}, nil
		}
	}
	return map[string]float64{"solved": 1}, nil
}

// Senses implements inner.SynapticOf.
func (p *network[F]) Senses() params.Layout { return p.senses.Layout() }

// Sense implements inner.SynapticOf. The number of the step does not matter.
func (p *network[F]) Sense(dst, theta []F, _ int, key uint64) error {
	checkLen("senses", dst, p.felt)
	checkLen("theta", theta, p.n)
	if !p.forward(theta) {
		fillNaN(dst)
		return nil
	}
	if err := p.assigner.Assign(p.signal, p.trace, theta, nil, rng.Split(key, keyRule)); err != nil {
		return err
	}
	p.senses.Fill(dst, p.trace, p.signal)
	clear(p.signal.Pre)
	return nil
}
