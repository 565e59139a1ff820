package credit_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
)

// A stack is a net with random weights, biases too, and a batch that has been run forward.
type stack struct {
	net    *nets.NetOf[float64]
	theta  []float64
	trace  *nets.TraceOf[float64]
	signal *credit.SignalOf[float64]
}

// deep is a stack of four blocks.
var deep = []int{10, 20, 20, 20, 5}

const tanh = nets.Activation("tanh")

// newStack makes a net of fully connected blocks, sizes[0] inputs first, all but the last followed by the given layers.
func newStack(t *testing.T, n int, loss nets.Loss, sizes []int, after ...nets.Layer) *stack {
	t.Helper()
	var layers []nets.Layer
	for i, units := range sizes[1:] {
		layers = append(layers, nets.Dense{Units: units})
		if i < len(sizes)-2 {
			layers = append(layers, after...)
		}
	}
	net, err := nets.New[float64](nets.Vector(sizes[0]), loss, layers...)
	require.NoError(t, err)
	s := &stack{net: net, theta: make([]float64, net.Params().Len()), trace: net.NewTrace(n)}
	net.Init(s.theta, 1)
	for l := range net.Blocks() {
		_, b := net.Weights(s.theta, l)
		rng.Normal(b, uint64(l), 0.1)
	}
	rng.Normal(s.trace.In(0), 2, 1)
	for i := range s.trace.Labels {
		s.trace.Labels[i] = byte(i % net.Classes())
	}
	s.trace.SetLabels()
	net.Forward(s.trace, s.theta)
	return s
}

// bind makes a fresh assigner, and a signal with nothing in it.
func (s *stack) bind(t *testing.T, rule credit.RuleOf[float64]) credit.AssignerOf[float64] {
	t.Helper()
	a, err := rule.Bind(s.net, s.trace.N)
	require.NoError(t, err)
	require.Empty(t, a.Params())
	a.Init(nil, s.theta, 3)
	s.signal = credit.NewSignal(s.net, s.trace.N)
	return a
}

// assign has an assigner make a gradient of the batch.
func (s *stack) assign(t *testing.T, a credit.AssignerOf[float64]) []float64 {
	t.Helper()
	require.NoError(t, a.Assign(s.signal, s.trace, s.theta, nil, 4))
	grad := make([]float64, len(s.theta))
	s.signal.Gradient(s.net, grad, s.trace)
	return grad
}

// gradient is that of a fresh assigner.
func (s *stack) gradient(t *testing.T, rule credit.RuleOf[float64]) []float64 {
	t.Helper()
	return s.assign(t, s.bind(t, rule))
}

func (s *stack) backprop(t *testing.T) []float64 { return s.gradient(t, credit.BackpropOf[float64]{}) }

// compare returns the length of a − b relative to that of b, and the cosine between the two.
func compare(a, b []float64) (relative, cos float64) {
	var dd, ab, aa, bb float64
	for i, x := range a {
		dd += (x - b[i]) * (x - b[i])
		ab += x * b[i]
		aa += x * x
		bb += b[i] * b[i]
	}
	return math.Sqrt(dd / bb), ab / math.Sqrt(aa*bb)
}

// energies returns an assigner's curve and its end.
func energies(t *testing.T, a credit.AssignerOf[float64]) (curve []float64, last float64) {
	t.Helper()
	r, ok := a.(credit.Relaxed)
	require.True(t, ok)
	return r.Energies(), r.Energies()[len(r.Energies())-1]
}

// family is of nets for images of 4×4 pixels, without data; the rule has settings from JSON.
func family[F float32 | float64](t *testing.T, rule string, config json.RawMessage, layers ...nets.Layer) credit.FamilyOf[F] {
	t.Helper()
	net, err := nets.New[F](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.SquaredError, layers...)
	require.NoError(t, err)
	r, err := credit.Named[F](rule, config)
	require.NoError(t, err)
	require.Equal(t, rule, r.Name())
	return credit.FamilyOf[F]{Net: net, Rule: r}
}
