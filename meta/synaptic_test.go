package meta_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// neurons is a problem of two tanh units with three inputs that shows all that a synapse can feel, on two examples a step:
// x and what the units ought to be follow from the key, and the reward from the step.
type neurons struct{}

func (neurons) Params() params.Layout {
	return params.Layout{{Name: "w", Shape: []int{3, 2}}, {Name: "b", Shape: []int{2}}}
}

func (neurons) Senses() params.Layout {
	var l params.Layout
	for _, w := range []struct {
		name string
		pre  int
	}{{"w", 3}, {"b", 1}} {
		l = append(l, params.Spec{Name: params.Pre.Of(w.name), Shape: []int{2, w.pre}})
		for _, s := range []params.Sense{params.Potential, params.Post, params.Mod, params.Target} {
			l = append(l, params.Spec{Name: s.Of(w.name), Shape: []int{2, 2}})
		}
	}
	return append(l, params.Spec{Name: params.Reward.Of(""), Shape: []int{1}})
}

func (neurons) Init(theta []float64, key uint64)                  { rng.Normal(theta, key, 0.5) }
func (p neurons) Sample(uint64) (inner.ProblemOf[float64], error) { return p, nil }

// examples returns x [2, 3] and the targets [2, 2] of a minibatch.
func (neurons) examples(key uint64) (x, target []float64) {
	x, target = make([]float64, 6), make([]float64, 4)
	rng.Normal(x, rng.Split(key, 0), 1)
	rng.Normal(target, rng.Split(key, 1), 0.5)
	return x, target
}

// Eval's loss is that of one set of examples, whatever the minibatch.
func (p neurons) Eval(grad, theta []float64, _ uint64) (float64, error) {
	x, target := p.examples(5)
	loss := 0.0
	clear(grad)
	for e := range 2 {
		for j := range 2 {
			y := math.Tanh(potential(theta, x[3*e:], j))
			d := y - target[2*e+j]
			loss += d * d / 2
			if grad != nil {
				du := d * (1 - y*y)
				for i := range 3 {
					grad[2*i+j] += du * x[3*e+i]
				}
				grad[6+j] += du
			}
		}
	}
	return loss, nil
}

func potential(theta, x []float64, j int) float64 {
	u := theta[6+j]
	for i := range 3 {
		u += x[i] * theta[2*i+j]
	}
	return u
}

// Of each tensor's senses: where its presynaptic activity begins, the others following in fours.
var sensesAt = []struct{ at, pre int }{{0, 3}, {22, 1}}

func (p neurons) Sense(dst, theta []float64, step int, key uint64) error {
	x, target := p.examples(key)
	for _, w := range sensesAt {
		pre := dst[w.at:][:2*w.pre]
		rest := dst[w.at+2*w.pre:]
		for e := range 2 {
			for j := range 2 {
				u := potential(theta, x[3*e:], j)
				y := math.Tanh(u)
				rest[2*e+j], rest[4+2*e+j], rest[8+2*e+j], rest[12+2*e+j] = u, y, target[2*e+j]-y, target[2*e+j]
			}
		}
		if w.pre == 3 {
			copy(pre, x)
		} else {
			pre[0], pre[1] = 1, 1
		}
	}
	dst[len(dst)-1] = 0.5 + float64(step)
	return nil
}

func (p neurons) SensePullback(dTheta, cotangent, theta []float64, _ int, key uint64) error {
	x, _ := p.examples(key)
	clear(dTheta)
	for _, w := range sensesAt {
		rest := cotangent[w.at+2*w.pre:]
		for e := range 2 {
			for j := range 2 {
				y := math.Tanh(potential(theta, x[3*e:], j))
				du := rest[2*e+j] + (rest[4+2*e+j]-rest[8+2*e+j])*(1-y*y)
				for i := range 3 {
					dTheta[2*i+j] += du * x[3*e+i]
				}
				dTheta[6+j] += du
			}
		}
	}
	return nil
}

// feeling is a rule that reads all that there is.
type feeling struct{}

func (feeling) Name() string { return "feeling" }
func (feeling) Spec() learnedopt.Spec {
	return learnedopt.Spec{
		Reads: learnedopt.Theta | learnedopt.Pre | learnedopt.Potential | learnedopt.Post | learnedopt.Mod | learnedopt.Target | learnedopt.Reward,
		Scope: learnedopt.Tensor, Phi: scalars("mod", "post_potential", "target", "post", "theta"),
	}
}
func (feeling) Init(phi []float32, key uint64) { rng.Normal(phi, key, 0.1) }

func (feeling) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	b, x := new(graph.Builder), in.Tensors[0]
	signal := b.Add(b.Mul(in.Phi["mod"], x.Mod), b.Mul(in.Phi["post_potential"], b.Mul(x.Post, x.Potential)))
	signal = b.Add(signal, b.Mul(b.Mul(in.Phi["target"], in.Reward), x.Target))
	signal = b.Add(signal, b.Mul(in.Phi["post"], x.Post))
	step := b.MatMul(b.Transpose(x.Pre), signal)
	if len(x.Spec.Shape) == 1 {
		step = b.Reshape(step, x.Spec.Shape...)
	}
	return learnedopt.One(b.Add(step, b.Mul(in.Phi["theta"], x.Theta)), nil), b.Err()
}

func scalars(names ...string) params.Layout {
	var l params.Layout
	for _, name := range names {
		l = append(l, params.Spec{Name: name, Shape: []int{1}})
	}
	return l
}

// The meta-gradient goes through all that synapses feel: over a whole life, and over its windows, whose losses count at the
// end alone or everywhere.
func TestMetaGradientThroughSenses(t *testing.T) {
	phi := []float64{0.3, -0.1, 0.05, -0.2, -0.04}
	const key, horizon = 3, 9
	sum := func(losses []float64) (s float64) {
		for _, f := range losses[1:] {
			s += f
		}
		return s
	}
	last := func(losses []float64) float64 { return losses[len(losses)-1] }
	for _, c := range []struct {
		objective meta.Objective
		plain     func([]float64) float64
		window    int
	}{{meta.Last, last, horizon}, {meta.Last, last, 4}, {meta.Borders, nil, horizon}, {meta.Sum, sum, 4}} {
		b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
			Rule: feeling{}, Family: neurons{}, Horizon: horizon, Window: c.window, Objective: c.objective,
		})
		require.NoError(t, err)
		theta := make([]float64, 8)
		neurons{}.Init(theta, rng.Split(key, 1))
		for from := 0; from < horizon; from += c.window {
			u := estimatortest.Unroll{
				Rule: feeling{}, Problem: neurons{}, Theta: theta, Before: from, Horizon: horizon, Objective: c.plain,
			}
			for step := from; step <= min(from+c.window, horizon); step++ {
				u.Batches = append(u.Batches, rng.Split(rng.Split(key, 2), uint64(step)))
			}
			grad := make([]float64, len(phi))
			est, err := b.Estimate(context.Background(), grad, phi, key)
			require.NoError(t, err)
			loss, _ := u.Loss(t, phi, nil)
			require.InEpsilon(t, loss, est.Loss, 1e-12)
			u.CheckGradient(t, grad, phi, true, 1e-6)
			theta, _ = u.End(t, phi)
		}
	}
}

// What a rule reads must be there, and differentiable to be learned from by a gradient.
func TestSensesThatAreNotThere(t *testing.T) {
	_, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: feeling{}, Family: inner.QuadraticOf[float64]{}})
	require.EqualError(t, err, "learnedopt: feeling: it reads pre, which the problem does not show for weights theta[10]; "+
		"it shows its gradient alone")
	_, err = meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: feeling{}, Family: numb{}})
	require.EqualError(t, err, `meta: what meta_test.numb shows to its synapses can't be differentiated; learn "feeling" by evolution`)
}

// numb is neurons without the derivative of what they feel.
type numb struct{ inner.SynapticOf[float64] }

func (numb) Params() params.Layout                             { return neurons{}.Params() }
func (numb) Senses() params.Layout                             { return neurons{}.Senses() }
func (numb) Init([]float64, uint64)                            {}
func (numb) Eval(_, _ []float64, _ uint64) (float64, error)    { return 0, nil }
func (n numb) Sample(uint64) (inner.ProblemOf[float64], error) { return n, nil }
