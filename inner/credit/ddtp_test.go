package credit

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/seed1498fded/unroll/inner/nets"
)

// Law: the difference reconstruction loss of a linear net has its minimum at (AᵀCA + λ)⁻¹AᵀC, for rows n of noise, what the
// net makes of them nA, and C = nᵀn/(σ²N): the factors of the loss as they are stated. Plain descent comes there.
func TestDirectTargetsDescendToTheClosedForm(t *testing.T) {
	const std, lambda, batch = 0.2, 0.1, 20
	r := newRig(t, DirectTargetOf[float64]{Noise: std, Decay: lambda}, batch, 5, dense(8, 7, 3)...)
	for range 4000 {
		for i, g := range r.learn(t, 11) {
			r.own[i] -= 0.1 * g
		}
	}
	a := r.assigner.(*directTarget[float64])
	at := 0
	for l, n := range a.echo.noise {
		size := r.net.Output(l).Size()
		noise := mat.NewDense(batch, size, n)
		c := product(noise.T(), noise)
		c.Scale(1/(std*std*batch), c)
		up := r.above(l, 0) // Aᵀ
		ac := product(up, c)
		left := product(ac, up.T())
		for i := range 3 {
			left.Set(i, i, left.At(i, i)+lambda)
		}
		var want mat.Dense
		require.NoError(t, want.Solve(left, ac))
		require.InDeltaSlice(t, want.RawMatrix().Data, r.own[at:at+3*size], 1e-8, "block %d", l)
		at += 3 * size
	}
}

// Law: with ever new noise C is 1 in the mean, σ drops out, and what is learned is Jᵀ(JJᵀ + λ)⁻¹: next to the Gauss-Newton
// step, and not to the gradient.
func TestDirectTargetsLearnGaussNewton(t *testing.T) {
	for _, std := range []float64{0.05, 1} {
		r := newRig(t, DirectTargetOf[float64]{Noise: std}, 64, 5, dense(16, 12, 4)...)
		r.descend(t, 3000, 0.02)
		got, gn, bp := r.assign(t), r.gaussNewton(t), r.backprop(t)
		at := 0
		for l := range gn {
			size := r.net.Output(l).Size()
			q := mat.DenseCopyOf(mat.NewDense(4, size, r.own[at:at+4*size]).T())
			require.Less(t, relative(q, damped(t, r.above(l, 0), 1e-3)), 0.05, "σ %v, block %d", std, l)
			at += 4 * size
			require.Less(t, r.degrees(l, got[l], gn[l]), 3.0, "σ %v, block %d", std, l)
			require.Greater(t, r.degrees(l, bp[l], gn[l]), 20.0)
		}
	}
}

// Law: direct targets through transposed Jacobians are the gradient, and through what direct feedback alignment draws they
// are that.
func TestDirectTargetsBetweenBackpropAndDirectFeedback(t *testing.T) {
	r := newRig(t, DirectTargetOf[float64]{}, 1, 5,
		nets.Dense{Units: 8}, tanh, nets.Dense{Units: 8}, tanh, nets.Skip{}, nets.Dense{Units: 6}, nets.Activation("sigmoid"), nets.Dense{Units: 3})
	a := r.assigner.(*directTarget[float64])
	random := DirectOf[float64]{}
	b, err := random.Bind(r.net, 1)
	require.NoError(t, err)
	b.Init(nil, r.theta, 5)
	at := 0
	for _, d := range b.(*direct[float64]).d {
		at += copy(r.own[at:], d)
	}
	require.Len(t, r.own, at)
	require.Equal(t, r.by(t, b), r.assign(t))

	// The Jacobian by backprop of each output: the cotangents it leaves in walk.dh.
	bp, err := BackpropOf[float64]{}.Bind(r.net, 1)
	require.NoError(t, err)
	want := r.by(t, bp)
	e := append([]float64(nil), r.trace.E...)
	for k := range 3 {
		clear(r.trace.E)
		r.trace.E[k] = 1
		r.by(t, bp)
		at := 0
		for l := range r.net.Blocks() - 1 {
			size := r.net.Output(l).Size()
			copy(r.own[at+k*size:at+(k+1)*size], bp.(*backprop[float64]).dh[l])
			at += 3 * size
		}
	}
	copy(r.trace.E, e)
	for l, d := range r.by(t, a) {
		require.InDeltaSlice(t, want[l], d, 1e-12, "block %d", l)
	}
}
