package plastic_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
)

// A life is long enough for the delta rule with modulators that are transported, or sent back through random weights, which
// makes it backprop, or feedback alignment. Hebb's rule does not get there.
func TestDeltaSolvesXOR(t *testing.T) {
	for name, rule := range map[string]credit.RuleOf[float64]{"backprop": nil, "fa": credit.FeedbackAlignmentOf[float64]{}} {
		f := plastic.XOROf[float64]{Functions: []string{"xor", "xnor", "and"}, Rule: rule}
		require.Equal(t, 3, f.Tasks())
		for task := range f.Tasks() {
			p, err := f.Task(task, 1)
			require.NoError(t, err)
			solved := 0.0
			for key := range uint64(10) {
				solved += score(t, p, lifetime(t, p, delta(10), key))["solved"]
			}
			t.Log(name, task, solved)
			assert.GreaterOrEqual(t, solved, 9.0, "%s, task %d", name, task)
			assert.Zero(t, score(t, p, lifetime(t, p, hebb(0.1), 1))["solved"], "%s, task %d", name, task)
		}
	}
}

// Law: a step of the delta rule on what the synapses feel is a step down the credit rule's signal, to rounding.
func TestDeltaIsTheSignal(t *testing.T) {
	for name, rule := range map[string]credit.RuleOf[float64]{
		"backprop": nil, "fa": credit.FeedbackAlignmentOf[float64]{}, "dfa": credit.DirectOf[float64]{}, "none": credit.NoneOf[float64]{},
	} {
		p := sample(t, plastic.XOROf[float64]{Rule: rule}, 1)
		theta := make([]float64, p.Params().Len())
		p.Init(theta, 3)
		grad := make([]float64, len(theta))
		for range 50 {
			_, err := p.Eval(grad, theta, 0)
			require.NoError(t, err)
			for i, g := range grad {
				theta[i] -= 2 * g
			}
		}
		require.InDeltaSlice(t, theta, life(t, p, delta(2), 50, 3), 1e-12, name)
	}
}

// With feedback alignment the gradient is not the derivative, and with backprop it is.
func TestXORTellsSignalFromDerivative(t *testing.T) {
	for _, rule := range []credit.RuleOf[float64]{nil, credit.FeedbackAlignmentOf[float64]{}} {
		p := sample(t, plastic.XOROf[float64]{Rule: rule}, 1)
		theta := make([]float64, p.Params().Len())
		p.Init(theta, 3)
		grad, derivative := make([]float64, len(theta)), make([]float64, len(theta))
		_, err := p.Eval(grad, theta, 0)
		require.NoError(t, err)
		require.NoError(t, p.(inner.SignalledOf[float64]).Derivative(derivative, theta, 0))
		if rule == nil {
			assert.Equal(t, derivative, grad)
		} else {
			assert.NotEqual(t, derivative, grad)
		}
	}
}

func TestXORRefuses(t *testing.T) {
	for want, f := range map[string]plastic.XOR{
		`plastic: xor: no function "or"; there are and, xnor, xor`: {Functions: []string{"or"}},
		"plastic: xor: no task 0; there are 0":                     {Functions: []string{}},
		"plastic: xor: Hidden is -1; want 1..4096":                 {Hidden: -1},
		"plastic: xor: Steps is -1; want 1..1048576":               {Steps: -1},
		`plastic: xor: nets: no init "zero"; there are lecun, he, glorot, normal0.1, and normal with any other standard deviation above 0`: {Init: "zero"},
		"credit: fa: scale is -1, want a number above 0":                                                    {Rule: credit.FeedbackAlignmentOf[float32]{Scale: -1}},
		"plastic: xor: credit rule kp learns weights of its own, feedback1[4 1]; want one that learns none": {Rule: credit.KolenPollackOf[float32]{}},
	} {
		_, err := f.Sample(1)
		require.EqualError(t, err, want)
	}
	_, err := plastic.XOR{Init: nets.He, Functions: []string{"and"}}.Sample(1)
	require.NoError(t, err)
}

// Random feedback is what package credit draws for a problem of its own under the same key, to the bit.
func TestXORHasCreditsFeedback(t *testing.T) {
	net, err := nets.New[float64](nets.Vector(2), nets.SquaredError,
		nets.Dense{Units: 4}, nets.Activation("sigmoid"), nets.Dense{Units: 1}, nets.Activation("sigmoid"))
	require.NoError(t, err)
	rule := credit.FeedbackAlignmentOf[float64]{Scale: 3}
	a, err := rule.Bind(net, 4)
	require.NoError(t, err)
	p := sample(t, plastic.XOROf[float64]{Rule: rule}, 1)
	theta, want, got := make([]float64, 17), make([]float64, 17), make([]float64, 17)
	trace, signal := net.NewTrace(4), credit.NewSignal(net, 4)
	copy(trace.In(0), []float64{0, 0, 1, 0, 0, 1, 1, 1})
	copy(trace.Target, []float64{0, 1, 1, 0})
	for key := range uint64(3) {
		p.Init(theta, key)
		net.Start(want, "normal1", key)
		require.Equal(t, want, theta)
		a.Init(nil, theta, rng.Split(key, 1))
		net.Forward(trace, theta)
		require.NoError(t, a.Assign(signal, trace, theta, nil, 0))
		signal.Gradient(net, want, trace)
		loss, err := p.Eval(got, theta, 0)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, trace.Loss, loss)
	}
}
