package credit

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
)

// plainAndDifference are the rules whose step is Gauss and Newton's where inverses are exact.
func plainAndDifference(v Inverses) []RuleOf[float64] {
	return []RuleOf[float64]{TargetOf[float64]{v}, DifferenceTargetOf[float64]{v}}
}

// Law (Meulemans et al. 2020): where each block can be inverted and is, the step of a target is Gauss and Newton's.
// With relu and all units at work the inverses are of the learned kind, and nothing bends.
func TestTargetsWithExactInversesAreGaussNewton(t *testing.T) {
	const step = 1e-4
	relu := nets.Activation("relu")
	for _, rule := range plainAndDifference(Inverses{Step: step, Activation: linear}) {
		r := newRig(t, rule, 5, 6,
			nets.Dense{Units: 6}, relu, nets.Dense{Units: 6}, relu, nets.Dense{Units: 6}, relu, nets.Dense{Units: 6})
		for l := range 3 { // lift the units above the kink
			_, b := r.net.Weights(r.theta, l)
			lowest := math.Inf(1)
			for _, u := range r.trace.U(l) {
				lowest = min(lowest, u)
			}
			for i := range b {
				b[i] += 1 - lowest
			}
			r.net.Forward(r.trace, r.theta)
		}
		for l, g := range inversesOf(r.assigner)[1:] {
			w, b := r.net.Weights(r.theta, l+1)
			q, c := g.net.Weights(g.weights(r.own), 0)
			inv := mat.NewDense(6, 6, q)
			require.NoError(t, inv.Inverse(mat.NewDense(6, 6, w)))
			mat.NewVecDense(6, c).MulVec(inv.T(), mat.NewVecDense(6, b))
			for i := range c {
				c[i] = -c[i]
			}
		}
		got, want, bp := r.assign(t), r.gaussNewton(t), r.backprop(t)
		for l, w := range want {
			for i := range w { // N times δη̂ is the step of an example
				require.InDelta(t, 5*step*w[i], 5*step*got[l][i], 1e-11, "%s, block %d", rule.Name(), l)
			}
			require.Less(t, distance(got[l], w)/length(w), 1e-7, "%s, block %d", rule.Name(), l)
			require.Greater(t, r.degrees(l, w, bp[l]), 30.0, "Gauss and Newton's step is another than the gradient's")
		}
	}
}

func inversesOf(a AssignerOf[float64]) []*inverse[float64] {
	return targetsOf(a).g
}

func targetsOf(a AssignerOf[float64]) *targets[float64] {
	switch a := a.(type) {
	case *target[float64]:
		return a.targets
	case *differenceTarget[float64]:
		return a.targets
	case *differenceReconstruction[float64]:
		return a.targets
	}
	return nil
}

// The same where units bend, up to what a target a step away makes of that: the powers of the step are taken out one by one.
func TestTargetsThroughBendsTendToGaussNewton(t *testing.T) {
	elu := nets.Activation("elu")
	for _, plain := range []int{0, 1} {
		signal := func(step float64) (*rig, [][]float64) {
			rule := plainAndDifference(Inverses{Step: step})[plain]
			r := newRig(t, rule, 5, 6,
				nets.Dense{Units: 6}, elu, nets.Dense{Units: 6}, elu, nets.Dense{Units: 6}, elu, nets.Dense{Units: 6})
			targetsOf(r.assigner).invert = func(l int, _ *nets.TraceOf[float64], _, h []float64) []float64 { return r.undo(t, l, h, l < 3) }
			return r, r.assign(t)
		}
		const step = 1e-4
		r, one := signal(step)
		_, half := signal(step / 2)
		_, quarter := signal(step / 4)
		want, bp := r.gaussNewton(t), r.backprop(t)
		for l, w := range want {
			limit := make([]float64, len(w))
			for i := range limit {
				limit[i] = (one[l][i] - 6*half[l][i] + 8*quarter[l][i]) / 3
			}
			require.Less(t, distance(one[l], w)/length(w), 1e-1)
			require.Less(t, distance(limit, w)/length(w), 1e-7, "block %d", l)
			require.Greater(t, r.degrees(l, w, bp[l]), 45.0)
		}
	}
}

// undo returns what block l of square weights, and of elu where bent, makes h of.
func (r *rig) undo(t *testing.T, l int, h []float64, bent bool) []float64 {
	w, b := r.net.Weights(r.theta, l)
	n := len(b)
	x := make([]float64, len(h))
	for i := range x {
		x[i] = h[i]
		if bent && h[i] < 0 {
			x[i] = math.Log1p(h[i])
		}
		x[i] -= b[i%n]
	}
	for row := 0; row < len(x); row += n {
		v := mat.NewVecDense(n, x[row:row+n])
		require.NoError(t, v.SolveVec(mat.NewDense(n, n, w).T(), mat.VecDenseCopyOf(v)))
	}
	return x
}

// Law (Meulemans et al. 2020): pseudo-inverses of each block, which is what the layer loss leads to, do not make
// that of them all where blocks get narrower; the difference reconstruction loss does.
func TestDifferenceReconstructionFindsGaussNewtonWhereLayersDoNot(t *testing.T) {
	v := Inverses{Step: 0.1, Activation: linear}
	r := newRig(t, DifferenceTargetOf[float64]{v}, 64, 8, dense(16, 12, 4)...)
	for l, g := range inversesOf(r.assigner)[1:] {
		r.setInverse(g, damped(t, r.jacobian(l+1, 0), 0))
	}
	first := product(damped(t, r.jacobian(1, 0), 0), damped(t, r.jacobian(2, 0), 0))
	want := r.through(func(l, i int) mat.Matrix {
		return []mat.Matrix{first, damped(t, r.jacobian(2, 0), 0)}[l]
	})
	gn, bp, got := r.gaussNewton(t), r.backprop(t), r.assign(t)
	for l := range want {
		require.InDeltaSlice(t, want[l], got[l], 1e-12, "the signal comes through the product of the pseudo-inverses")
	}
	require.Greater(t, r.degrees(0, got[0], gn[0]), 20.0)

	r = newRig(t, DifferenceReconstructionOf[float64]{Inverses: v}, 64, 8, dense(16, 12, 4)...)
	r.descend(t, 3000, 0.02)
	got = r.assign(t)
	for l := range gn {
		require.Greater(t, r.degrees(l, bp[l], gn[l]), 20.0, "the gradient is no Gauss-Newton step")
		require.Less(t, r.degrees(l, got[l], gn[l]), 3.0, "block %d", l)
	}
	// The minimum in closed form, from the top down. What an inverse does to targets that never come is left to the decay, and
	// takes long: so it is what all do to the output's that is compared.
	up := r.above(0, 0)
	top := damped(t, r.jacobian(2, 0), 1e-3)
	require.Less(t, relative(r.matrix(2), top), 0.05)
	require.Less(t, relative(r.matrix(1), product(damped(t, product(top, up), 1e-3), top)), 0.05)
}

// Law: with linear inverses of transposed weights the targets of a linear net are the gradient's, and that without a 2.
func TestDifferenceTargetsThroughTransposedWeightsAreBackprop(t *testing.T) {
	r := newRig(t, DifferenceTargetOf[float64]{Inverses{Activation: linear}}, 6, 5, dense(7, 4, 3)...)
	for l, g := range inversesOf(r.assigner)[1:] {
		r.setInverse(g, mat.DenseCopyOf(r.jacobian(l+1, 0).T()))
	}
	got, want := r.assign(t), r.backprop(t)
	for l := range want {
		require.InDeltaSlice(t, want[l], got[l], 1e-14, "block %d", l)
	}
}

// setInverse gives an inverse without activation a matrix, [Input, Output].
func (r *rig) setInverse(g *inverse[float64], m *mat.Dense) {
	q, c := g.net.Weights(g.weights(r.own), 0)
	mat.NewDense(m.RawMatrix().Cols, m.RawMatrix().Rows, q).Copy(m.T())
	clear(c)
}

// matrix returns what the inverses of blocks l and up together do, for inverses without activation.
func (r *rig) matrix(l int) *mat.Dense {
	var all *mat.Dense
	for m, g := range inversesOf(r.assigner)[l:] {
		q, _ := g.net.Weights(g.weights(r.own), 0)
		one := mat.DenseCopyOf(mat.NewDense(r.net.Output(l+m).Size(), r.net.Input(l+m).Size(), q).T())
		if all == nil {
			all = one
			continue
		}
		all = product(all, one)
	}
	return all
}

// Law: Learn gives the derivative of the loss as it is stated, by central differences with the noise held fixed.
func TestLearnIsTheDerivativeOfTheReconstructionLoss(t *testing.T) {
	layers := []nets.Layer{nets.Dense{Units: 6}, tanh, nets.Dense{Units: 6}, tanh, nets.Skip{}, nets.Dense{Units: 5}, tanh, nets.Dense{Units: 3}}
	v := Inverses{Noise: 0.3}
	for _, tt := range []struct {
		rule RuleOf[float64]
		loss func(r *rig, l int) float64 // of what the l-th hidden block's output is reconstructed with
	}{
		{TargetOf[float64]{v}, layerLoss},
		{DifferenceTargetOf[float64]{v}, layerLoss},
		{DifferenceReconstructionOf[float64]{v, 0.2}, differenceLoss},
		{DirectTargetOf[float64]{Noise: 0.3, Decay: 0.2}, directLoss},
	} {
		t.Run(tt.rule.Name(), func(t *testing.T) {
			r := newRig(t, tt.rule, 4, 5, layers...)
			rng.Normal(r.own, 8, 0.6)
			r.assign(t)
			grad := r.learn(t, 12)
			at := 0
			for _, spec := range r.assigner.Params() {
				var l int
				_, err := fmt.Sscanf(spec.Name[1:], "%d", &l)
				require.NoError(t, err)
				if _, direct := tt.rule.(DirectTargetOf[float64]); !direct {
					l-- // what inverts block l reconstructs the output of the one below
				}
				for i := at; i < at+spec.Len(); i++ {
					const h = 1e-5
					was := r.own[i]
					r.own[i] = was + h
					up := tt.loss(r, l)
					r.own[i] = was - h
					down := tt.loss(r, l)
					r.own[i] = was
					require.InDelta(t, (up-down)/(2*h), grad[i], 1e-8, "%v element %d", spec, i-at)
				}
				at += spec.Len()
			}
		})
	}
}

// noisy returns the output of block l with the noise that the rule last drew, and what the net makes of it up to block last.
func (r *rig) noisy(e echo[float64], l, last int) (x, out []float64) {
	tr := r.net.NewTrace(r.trace.N)
	x = tr.Out(l)
	for i := range x {
		x[i] = r.trace.Out(l)[i] + e.noise[l][i]
	}
	for m := l + 1; m <= last; m++ {
		r.net.ForwardBlock(tr, r.theta, m)
	}
	return x, tr.Out(last)
}

// back returns tanh(Qh + c) with the weights of the inverse of block l, and |Q|².
func (r *rig) back(l int, h []float64) (x []float64, square float64) {
	in, out, at := r.net.Input(l).Size(), r.net.Output(l).Size(), 0
	for m := 1; m < l; m++ {
		at += (r.net.Output(m).Size() + 1) * r.net.Input(m).Size()
	}
	q, c := r.own[at:at+in*out], r.own[at+in*out:at+in*out+in]
	for row := 0; row < len(h); row += out {
		for i := range in {
			sum := c[i]
			for o := range out {
				sum += h[row+o] * q[o*in+i]
			}
			x = append(x, math.Tanh(sum))
		}
	}
	return x, length(q) * length(q)
}

func layerLoss(r *rig, l int) float64 {
	x, up := r.noisy(targetsOf(r.assigner).echo, l, l+1)
	got, _ := r.back(l+1, up)
	d := distance(got, x)
	return d * d / 2 / float64(r.trace.N)
}

func differenceLoss(r *rig, l int) float64 {
	top := r.net.Blocks() - 1
	x, target := r.noisy(targetsOf(r.assigner).echo, l, top)
	square := 0.0
	for m := top; m > l; m-- {
		var there, here []float64
		there, square = r.back(m, target)
		here, _ = r.back(m, r.trace.Out(m))
		target = nil
		for i := range here {
			target = append(target, r.trace.Out(m - 1)[i]+there[i]-here[i])
		}
	}
	d := distance(target, x)
	return d*d/2/(0.3*0.3)/float64(r.trace.N) + 0.2*square/2
}

func directLoss(r *rig, l int) float64 {
	a, top, classes, size, at := r.assigner.(*directTarget[float64]), r.net.Blocks()-1, r.net.Classes(), r.net.Output(l).Size(), 0
	for m := range l {
		at += classes * r.net.Output(m).Size()
	}
	q := r.own[at : at+classes*size]
	_, out := r.noisy(a.echo, l, top)
	sum := 0.0
	for row := range r.trace.N {
		for i := range size {
			d := -a.echo.noise[l][row*size+i]
			for k := range classes {
				d += (out[row*classes+k] - r.trace.Out(top)[row*classes+k]) * q[k*size+i]
			}
			sum += d * d
		}
	}
	return sum/2/(0.3*0.3)/float64(r.trace.N) + 0.2*length(q)*length(q)/2
}

// Law: what the stepsize of the target means does not depend on the batch: the same example twice has half the signal each.
func TestTargetsDoNotDependOnTheBatch(t *testing.T) {
	layers := []nets.Layer{nets.Dense{Units: 6}, tanh, nets.Dense{Units: 5}, tanh, nets.Dense{Units: 3}}
	for _, rule := range append(plainAndDifference(Inverses{}), DifferenceReconstructionOf[float64]{}, DirectTargetOf[float64]{}) {
		one, two := newRig(t, rule, 1, 4, layers...), newRig(t, rule, 2, 4, layers...)
		x := two.trace.In(0)
		copy(x, one.trace.In(0))
		copy(x[4:], one.trace.In(0))
		two.trace.Labels[1] = two.trace.Labels[0]
		two.trace.SetLabels()
		two.net.Forward(two.trace, two.theta)
		a, b := one.assign(t), two.assign(t)
		for l := range a {
			n := len(a[l])
			for i := range n {
				require.InDelta(t, a[l][i]/2, b[l][i], 1e-12, "%s, block %d", rule.Name(), l)
				require.InDelta(t, a[l][i]/2, b[l][n+i], 1e-12, "%s, block %d", rule.Name(), l)
			}
		}
	}
}

// A net of one block has nothing to learn and no targets but the output's.
func TestTargetsOfOneBlock(t *testing.T) {
	for _, rule := range append(plainAndDifference(Inverses{}), DifferenceReconstructionOf[float64]{}, DirectTargetOf[float64]{}) {
		r := newRig(t, rule, 2, 4, dense(3)...)
		require.Empty(t, r.own)
		require.Equal(t, r.backprop(t), r.assign(t))
		require.Empty(t, r.learn(t, 1))
	}
}

func TestTargetSettings(t *testing.T) {
	net, err := nets.New[float64](nets.Vector(4), nets.SquaredError, dense(3, 2)...)
	require.NoError(t, err)
	for _, tt := range []struct {
		rule RuleOf[float64]
		want string
	}{
		{TargetOf[float64]{Inverses{Step: -1}}, "tp: step"},
		{DifferenceTargetOf[float64]{Inverses{Noise: -1}}, "dtp: noise"},
		{DifferenceReconstructionOf[float64]{Inverses{Activation: "cosh"}, 0}, `dtpdrl: .*"cosh"`},
		{DifferenceReconstructionOf[float64]{Inverses{}, -1}, "dtpdrl: decay"},
		{DirectTargetOf[float64]{Noise: math.Inf(1)}, "ddtp: noise"},
		{DirectTargetOf[float64]{Decay: math.NaN()}, "ddtp: decay"},
	} {
		_, err := tt.rule.Bind(net, 2)
		require.Error(t, err)
		require.Regexp(t, tt.want, err.Error())
	}
	for _, tt := range []struct{ set, want int }{{0, 1}, {3, 3}, {-1, 0}} {
		for _, rule := range []RuleOf[float64]{
			TargetOf[float64]{Inverses{Pretrain: tt.set}}, DifferenceReconstructionOf[float64]{Inverses: Inverses{Pretrain: tt.set}},
			DirectTargetOf[float64]{Pretrain: tt.set},
		} {
			a, err := rule.Bind(net, 2)
			require.NoError(t, err)
			require.Equal(t, tt.want, a.(Pretrained).PretrainEpochs(), rule.Name())
		}
	}
	rule, err := Named[float64]("dtpdrl", []byte(`{"step": 0.2, "activation": "linear", "decay": 0.01}`))
	require.NoError(t, err)
	require.Equal(t, &DifferenceReconstructionOf[float64]{Inverses{Step: 0.2, Activation: linear}, 0.01}, rule)
}

func length(v []float64) float64 { return distance(v, make([]float64, len(v))) }

func distance(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += (x - b[i]) * (x - b[i])
	}
	return math.Sqrt(sum)
}
