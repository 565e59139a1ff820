package credit_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
)

type pc = credit.PredictiveCodingOf[float64]

func TestPCEnergyFallsFromTheLoss(t *testing.T) {
	for _, loss := range nets.Losses() {
		s := newStack(t, 16, nets.Loss(loss), deep, tanh)
		for _, rule := range []pc{
			{Gamma: 0.01, Steps: 20, Precision: 1, FixedGamma: true},
			{Gamma: 0.1, Steps: 200, Precision: 1, FixedGamma: true},
			{Gamma: 0.1, Steps: 20, Precision: 0.3, FixedGamma: true},
			{Gamma: 2, Steps: 20, Precision: 1},
			{Gamma: 1000, Steps: 40, Precision: 1},
		} {
			a := s.bind(t, rule)
			s.assign(t, a)
			curve, last := energies(t, a)
			require.Len(t, curve, rule.Steps+1)
			require.InDelta(t, rule.Precision*s.trace.Loss, curve[0], 1e-14)
			require.Less(t, last, 0.99*curve[0], "%+v", rule)
			for i := range rule.Steps {
				require.LessOrEqual(t, curve[i+1], curve[i]*(1+1e-14), "%+v, step %d", rule, i+1)
			}
		}
		a := s.bind(t, pc{Gamma: 2, FixedGamma: true})
		s.assign(t, a)
		_, last := energies(t, a)
		require.Greater(t, last, s.trace.Loss, "too large a step raises the energy, and only halving it helps")
	}
}

// A step that is not taken leaves no trace, in values, predictions or signals.
func TestPCUndoesTheStepThatItDoesNotTake(t *testing.T) {
	s := newStack(t, 4, nets.SquaredError, deep, tanh)
	want := s.gradient(t, pc{Gamma: 1000, Steps: 1})
	none := s.gradient(t, credit.NoneOf[float64]{})
	require.InDeltaSlice(t, none, want, 1e-15, "no step taken: only the last block's error is there")
	a := s.bind(t, pc{Gamma: 1024, Steps: 15})
	got := s.assign(t, a)
	curve, _ := energies(t, a)
	lost := 0
	for curve[lost+1] == curve[0] {
		lost++
	}
	require.Greater(t, lost, 8)
	require.Less(t, lost, 13)
	require.Equal(t, s.gradient(t, pc{Gamma: math.Ldexp(1024, -lost), Steps: 15 - lost, FixedGamma: true}), got)
}

func TestPCWithoutErrorChangesNothing(t *testing.T) {
	s := newStack(t, 6, nets.SquaredError, deep, tanh)
	copy(s.trace.Target, s.trace.Out(3))
	s.net.Forward(s.trace, s.theta)
	a := s.bind(t, pc{Gamma: 0.1})
	require.Equal(t, make([]float64, len(s.theta)), s.assign(t, a))
	curve, _ := energies(t, a)
	require.Equal(t, make([]float64, 21), curve)
	for l := 1; l < 4; l++ {
		require.Equal(t, s.trace.In(l), s.signal.Pre[l])
	}
}

// Whittington and Bogacz 2017: at the minimum this is another gradient, and backprop's in the limit of an output
// that pulls on the values but little.
func TestPCTendsToBackpropWithThePrecision(t *testing.T) {
	s := newStack(t, 16, nets.SquaredError, deep, tanh)
	rng.Normal(s.trace.Target, 5, 2)
	s.net.Forward(s.trace, s.theta)
	want := s.backprop(t)
	var cosines, errors []float64
	for _, p := range []float64{1, 0.1, 0.01, 0.001} {
		a := s.bind(t, pc{Gamma: 0.2, Steps: 600, Precision: p})
		e, cos := compare(s.assign(t, a), want)
		cosines, errors = append(cosines, cos), append(errors, e)
		curve, last := energies(t, a)
		require.InDelta(t, curve[len(curve)-100], last, 1e-9*last, "has converged")
	}
	t.Log(cosines, errors)
	require.Less(t, cosines[0], 0.8)
	require.Greater(t, errors[0], 0.5)
	require.Greater(t, cosines[3], 0.9999)
	require.True(t, slices.IsSorted(cosines))
	require.InDelta(t, 10, errors[2]/errors[3], 0.5, "linear in p")
}

// Near the forward pass the first step is backprop's for the block below the last, and nothing for those under it.
func TestPCOneStepReachesOneBlock(t *testing.T) {
	s := newStack(t, 8, nets.CrossEntropy, deep, tanh)
	s.backprop(t)
	truth := s.signal
	s.gradient(t, pc{Gamma: 1e-6, Steps: 1})
	for i, d := range truth.Delta[2] {
		require.InDelta(t, 1e-6*d, s.signal.Delta[2][i], 1e-15)
	}
	require.Equal(t, make([]float64, len(truth.Delta[1])), s.signal.Delta[1])
	require.Equal(t, make([]float64, len(truth.Delta[0])), s.signal.Delta[0])
}

// The equilibrium of a linear net solves a linear system, and its energy is that of the output's misfit under the covariance
// that the precisions of all blocks add up to.
func TestPCEquilibriumOfLinearNets(t *testing.T) {
	sizes := []int{5, 7, 6, 4, 3}
	s := newStack(t, 3, nets.SquaredError, sizes)
	for _, p := range []float64{1, 0.2} {
		a := s.bind(t, pc{Gamma: 0.1, Steps: 4000, Precision: p})
		s.assign(t, a)
		_, last := energies(t, a)
		energy := 0.0
		for row := range s.trace.N {
			x, f := s.equilibrium(t, sizes, row, p)
			energy += f / float64(s.trace.N)
			for l := 1; l < 4; l++ {
				n := sizes[l]
				require.InDeltaSlice(t, x[:n], s.signal.Pre[l][row*n:(row+1)*n], 1e-9, "block %d", l-1)
				x = x[n:]
			}
		}
		require.InDelta(t, energy, last, 1e-12)
	}
}

// equilibrium returns the values of all blocks but the last for one example, end to end, and their energy.
func (s *stack) equilibrium(t *testing.T, sizes []int, row int, p float64) (x []float64, energy float64) {
	t.Helper()
	top := len(sizes) - 2
	w := make([]*mat.Dense, top+1) // [out, in]
	b := make([]*mat.VecDense, top+1)
	hidden := 0
	for l := range w {
		weights, bias := s.net.Weights(s.theta, l)
		w[l] = mat.DenseCopyOf(mat.NewDense(sizes[l], sizes[l+1], weights).T())
		b[l] = mat.NewVecDense(sizes[l+1], bias)
		if l < top {
			hidden += sizes[l+1]
		}
	}
	data := mat.NewVecDense(sizes[0], s.trace.In(0)[row*sizes[0]:(row+1)*sizes[0]])
	target := mat.NewVecDense(sizes[top+1], s.trace.Target[row*sizes[top+1]:(row+1)*sizes[top+1]])

	// Each error is Mx − c; the minimum has Σ sMᵀ(Mx − c) = 0.
	k, rhs := mat.NewDense(hidden, hidden, nil), mat.NewVecDense(hidden, nil)
	from := 0
	for l := range w {
		m, c, scale := mat.NewDense(sizes[l+1], hidden, nil), mat.VecDenseCopyOf(b[l]), 1.0
		if l > 0 {
			m.Slice(0, sizes[l+1], from-sizes[l], from).(*mat.Dense).Scale(-1, w[l])
		} else {
			c.AddVec(c, product(w[0], data))
		}
		if l < top {
			for i := range sizes[l+1] {
				m.Set(i, from+i, 1)
			}
		} else {
			c.SubVec(c, target)
			scale = p
		}
		var mm mat.Dense
		mm.Mul(m.T(), m)
		mm.Scale(scale, &mm)
		k.Add(k, &mm)
		rhs.AddScaledVec(rhs, scale, product(m.T(), c))
		from += sizes[l+1]
	}
	var at mat.VecDense
	require.NoError(t, at.SolveVec(k, rhs))

	// The misfit is a sum of the blocks' errors, each carried to the output: ½rᵀS⁻¹r, S = I/p + Σ PPᵀ.
	cov := mat.NewDense(sizes[top+1], sizes[top+1], nil)
	carry := mat.NewDense(sizes[top+1], sizes[top+1], nil)
	for i := range sizes[top+1] {
		cov.Set(i, i, 1/p)
		carry.Set(i, i, 1)
	}
	out := mat.VecDenseCopyOf(data)
	for l := range w {
		out = product(w[l], out)
		out.AddVec(out, b[l])
	}
	for l := top; l > 0; l-- {
		var next, square mat.Dense
		next.Mul(carry, w[l])
		carry = &next
		square.Mul(carry, carry.T())
		cov.Add(cov, &square)
	}
	var r, solved mat.VecDense
	r.SubVec(target, out)
	require.NoError(t, solved.SolveVec(cov, &r))
	return at.RawVector().Data, mat.Dot(&r, &solved) / 2
}

func product(a mat.Matrix, x mat.Vector) *mat.VecDense {
	var y mat.VecDense
	y.MulVec(a, x)
	return &y
}

// At the minimum the values have no slope, so that the gradient is how the energy reached depends on the weights: compare
// with central differences of the end of the curve.
func TestPCConvergedIsTheGradientOfTheEnergy(t *testing.T) {
	for _, loss := range nets.Losses() {
		s := newStack(t, 4, nets.Loss(loss), []int{6, 8, 7, 3}, tanh)
		const p = 0.7
		a := s.bind(t, pc{Gamma: 0.2, Steps: 1500, Precision: p})
		grad := s.assign(t, a)
		at := func(i int, h float64) float64 {
			was := s.theta[i]
			s.theta[i] += h
			s.net.Forward(s.trace, s.theta)
			s.assign(t, a)
			s.theta[i] = was
			_, last := energies(t, a)
			return last
		}
		for i := 0; i < len(s.theta); i += 23 {
			const h = 1e-4
			require.InDelta(t, (at(i, h)-at(i, -h))/(2*h)/p, grad[i], 1e-7, "weight %d", i)
		}
	}
}

// The gradient of a block is the product of its error and of the values below, summed over the batch, and what it takes
// is at hand in the block.
func TestPCIsHebbian(t *testing.T) {
	const p = 0.5
	s := newStack(t, 3, nets.SquaredError, []int{4, 6, 5, 2}, tanh)
	grad := s.gradient(t, pc{Gamma: 0.1, Steps: 7, Precision: p})
	for l := range 3 {
		in, out := s.net.Input(l).Size(), s.net.Output(l).Size()
		w, b := s.net.Weights(s.theta, l)
		below := s.trace.In(0)
		if l > 0 {
			below = s.signal.Pre[l]
		}
		dw, db := make([]float64, in*out), make([]float64, out)
		for row := range s.trace.N {
			pre := below[row*in : (row+1)*in]
			for j := range out {
				u := b[j]
				for i, x := range pre {
					u += x * w[i*out+j]
				}
				delta := p * (u - s.trace.Target[row*s.net.Classes()+j%s.net.Classes()]) // −ε of the output
				if l < 2 {
					value, mu := s.signal.Pre[l+1][row*out+j], math.Tanh(u)
					delta = -(value - mu) * (1 - mu*mu)
				}
				delta /= p * float64(s.trace.N)
				db[j] += delta
				for i, x := range pre {
					dw[i*out+j] += delta * x
				}
			}
		}
		gotW, gotB := s.net.Weights(grad, l)
		require.InDeltaSlice(t, dw, gotW, 1e-15)
		require.InDeltaSlice(t, db, gotB, 1e-15)
	}
}

// Examples do not see each other: a batch with everything in it twice has the same mean.
func TestPCDoesNotDependOnTheSizeOfTheBatch(t *testing.T) {
	small, large := newStack(t, 5, nets.SquaredError, deep, tanh), newStack(t, 10, nets.SquaredError, deep, tanh)
	for _, half := range []int{0, 5} {
		copy(large.trace.In(0)[half*10:], small.trace.In(0))
		copy(large.trace.Labels[half:], small.trace.Labels)
	}
	large.trace.SetLabels()
	large.net.Forward(large.trace, large.theta)
	for _, gamma := range []float64{0.1, 10} {
		a, b := small.bind(t, pc{Gamma: gamma}), large.bind(t, pc{Gamma: gamma})
		require.InDeltaSlice(t, small.assign(t, a), large.assign(t, b), 1e-14)
		curve, _ := energies(t, a)
		same, _ := energies(t, b)
		require.InDeltaSlice(t, curve, same, 1e-13)
	}
}
