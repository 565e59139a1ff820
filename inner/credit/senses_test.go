package credit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// eights makes up 8x8 images of ten classes.
func eights() *data.Set {
	s := problemtest.Images(60, 8)
	s.Classes = 10
	for i := range s.Labels {
		s.Labels[i] = byte(i % 10)
	}
	return s
}

func netOf[F params.Float](t *testing.T, loss nets.Loss, set *data.Set, layers ...nets.Layer) *nets.NetOf[F] {
	t.Helper()
	net, err := nets.New[F](nets.Shape{Channels: 1, Rows: set.Rows, Cols: set.Cols}, loss, layers...)
	require.NoError(t, err)
	return net
}

func synapses[F params.Float](t *testing.T, rule credit.RuleOf[F], loss nets.Loss) credit.FamilyOf[F] {
	set := eights()
	net := netOf[F](t, loss, set, nets.Dense{Units: 32}, nets.Activation("tanh"), nets.Dense{Units: 10})
	return credit.FamilyOf[F]{Net: net, Rule: rule, Data: set, Batch: 7}
}

func TestSensesObeyTheLaws(t *testing.T) {
	for _, loss := range []nets.Loss{nets.CrossEntropy, nets.SquaredError} {
		o := problemtest.Options{Varies: problemtest.Start | problemtest.Batch}
		problemtest.Synaptic(t, synapses[float64](t, nil, loss), o)
		problemtest.AgreeOnSenses(t, synapses[float32](t, nil, loss), synapses[float64](t, nil, loss))
		problemtest.Synaptic(t, synapses[float64](t, credit.FeedbackAlignmentOf[float64]{}, loss), o)
	}
}

// hebbian adds rate·preᵀmod to the weights of a net, an example after another.
func hebbian(theta, felt []float64, weights, senses params.Layout, rate float64) {
	for i, w := range params.Split(weights, theta) {
		pre := params.Slice(senses, felt, params.Pre.Of(weights[i].Name))
		mod := params.Slice(senses, felt, params.Mod.Of(weights[i].Name))
		examples := senses[senses.Index(params.Mod.Of(weights[i].Name))].Shape[0]
		n, m := len(pre)/examples, len(mod)/examples
		for e := range examples {
			for i, x := range pre[e*n : (e+1)*n] {
				for j, y := range mod[e*m : (e+1)*m] {
					w[i*m+j] += rate * x * y
				}
			}
		}
	}
}

// Law: under every rule whose weights are the net's alone, a step of the delta rule on what synapses feel is one of gradient
// descent on the signal, to rounding, over a run of a 64-32-10 network.
func TestSensesMakeTheSignal(t *testing.T) {
	const steps, rate = 20, 0.1
	for _, name := range credit.Names() {
		if name == "ipc" {
			continue // it goes by how often a minibatch has been seen
		}
		for _, loss := range []nets.Loss{nets.CrossEntropy, nets.SquaredError} {
			p, err := synapses(t, named[float64](t, name), loss).Problem()
			if err != nil {
				continue // not on this net
			}
			if len(p.Params()) > 4 {
				continue
			}
			theta, grad := make([]float64, p.Params().Len()), make([]float64, p.Params().Len())
			p.Init(theta, 1)
			for step := range uint64(steps) {
				_, err := p.Eval(grad, theta, rng.Split(2, step))
				require.NoError(t, err)
				for i, g := range grad {
					theta[i] -= rate * g
				}
			}
			moved, felt := make([]float64, len(theta)), make([]float64, p.Senses().Len())
			p.Init(moved, 1)
			for step := range uint64(steps) {
				require.NoError(t, p.Sense(felt, moved, int(step), rng.Split(2, step)))
				hebbian(moved, felt, p.Params(), p.Senses(), rate)
			}
			require.InDeltaSlice(t, theta, moved, 1e-12, name)
		}
	}
}

// What is felt is what the net has: potentials, activities and labels; under cross-entropy the last activity is the softmax, and
// the modulator there the error over the batch.
func TestSensesOfTheOutput(t *testing.T) {
	for _, loss := range []nets.Loss{nets.CrossEntropy, nets.SquaredError} {
		p, err := synapses[float64](t, nil, loss).Problem()
		require.NoError(t, err)
		theta, felt := make([]float64, p.Params().Len()), make([]float64, p.Senses().Len())
		p.Init(theta, 1)
		require.NoError(t, p.Sense(felt, theta, 0, 2))
		of := func(s params.Sense, weights string) []float64 { return params.Slice(p.Senses(), felt, s.Of(weights)) }
		for _, weights := range []string{"w1", "b1"} {
			post, target, mod := of(params.Post, weights), of(params.Target, weights), of(params.Mod, weights)
			for i := range 7 {
				sum, one := 0.0, 0.0
				for k := 10 * i; k < 10*i+10; k++ {
					assert.InDelta(t, (target[k]-post[k])/7, mod[k], 1e-15)
					sum, one = sum+post[k], one+target[k]
				}
				assert.Equal(t, 1.0, one)
				if loss == nets.CrossEntropy {
					assert.InDelta(t, 1, sum, 1e-12)
				}
			}
			if loss == nets.SquaredError {
				assert.Equal(t, of(params.Potential, weights), post)
			}
		}
		assert.Equal(t, of(params.Post, "w0"), of(params.Pre, "w1"))
		assert.NotEqual(t, of(params.Potential, "w0"), of(params.Post, "w0"))
		assert.Negative(t, p.Senses().Index("target.w0"))
	}
}

// Layers that are not dense show nothing, and what is pooled or passed by is no activity of one neuron.
func TestSensesOfOtherLayers(t *testing.T) {
	set := eights()
	conv := nets.Conv{Channels: 1, Kernel: 3, Stride: 1, Pad: 1}
	net := netOf[float32](t, nets.CrossEntropy, set, conv, nets.Dense{Units: 5}, nets.Dense{Units: 5}, nets.Skip{}, nets.Dense{Units: 10})
	family := credit.Family{Net: net, Data: set, Batch: 3}
	p, err := family.Sample(1)
	require.NoError(t, err)
	layout := p.(inner.Synaptic).Senses()
	for _, none := range []string{"pre.w0", "mod.b0", "post.w2", "target.w2", "target.w1"} {
		require.Negative(t, layout.Index(none), none)
	}
	for _, some := range []string{"pre.w1", "post.w1", "pre.b1", "mod.w2", "potential.b2", "post.b3", "target.w3"} {
		require.GreaterOrEqual(t, layout.Index(some), 0, some)
	}
	require.Equal(t, []int{3, 64}, layout[layout.Index("pre.w1")].Shape)

	family.Net = netOf[float32](t, nets.CrossEntropy, set, conv, nets.Conv{Channels: 10, Kernel: 8, Stride: 1})
	p, err = family.Sample(1)
	require.NoError(t, err)
	require.Empty(t, p.(inner.Synaptic).Senses())
}
