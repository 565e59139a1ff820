package credit_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

type ipc = credit.IncrementalPCOf[float64]

// Where weights hardly move, T updates on a batch go the way of strict predictive coding with 1 to T steps; and so again
// from the first one.
func TestIPCKeepsTheValuesOfABatch(t *testing.T) {
	const steps = 6
	s := newStack(t, 8, nets.SquaredError, deep, tanh)
	var want [][]float64
	for k := range steps {
		want = append(want, s.gradient(t, pc{Gamma: 0.2, Steps: k + 1, Precision: 0.5}))
	}
	a := s.bind(t, ipc{Gamma: 0.2, Steps: steps, Precision: 0.5})
	require.Equal(t, steps, a.(credit.Repeated).Repeats())
	for i := range 2*steps + 2 {
		require.InDeltaSlice(t, want[i%steps], s.assign(t, a), 1e-8, "update %d", i)
		require.InDeltaSlice(t, want[i%steps], s.assign(t, a), 1e-8, "update %d, with weights that did not move", i)
		curve, _ := energies(t, a)
		require.Len(t, curve, i%steps+2)
		s.theta[0] += 1e-10
		s.net.Forward(s.trace, s.theta)
	}
}

// Another key, other images, other labels and another run each begin anew.
func TestIPCForgetsTheValuesOfAnotherBatch(t *testing.T) {
	s := newStack(t, 8, nets.SquaredError, deep, tanh)
	a := s.bind(t, ipc{Gamma: 0.2, Steps: 6})
	key := uint64(1)
	for i, change := range []func(){
		func() {},
		func() { s.trace.In(0)[0]++ },
		func() { s.trace.Labels[0]++; s.trace.SetLabels() },
		func() { key++ },
		func() { a.Init(nil, s.theta, 3) },
	} {
		s.theta[0] += 0.01
		change()
		s.net.Forward(s.trace, s.theta)
		for k := range 3 {
			require.NoError(t, a.Assign(s.signal, s.trace, s.theta, nil, key))
			curve, _ := energies(t, a)
			require.Len(t, curve, k+2, "change %d", i)
			s.theta[0] += 0.01
			s.net.Forward(s.trace, s.theta)
		}
	}
}

// Values and weights go down the same energy: with small steps of gradient descent it falls at each.
func TestIPCIsJointDescent(t *testing.T) {
	s := newStack(t, 8, nets.CrossEntropy, deep, tanh)
	values := s.bind(t, pc{Gamma: 0.05, Steps: 200})
	s.assign(t, values)
	_, alone := energies(t, values)
	a := s.bind(t, ipc{Gamma: 0.05, Steps: 200})
	var curve []float64
	for range 200 {
		for i, g := range s.assign(t, a) {
			s.theta[i] -= 0.02 * g
		}
		s.net.Forward(s.trace, s.theta)
		curve, _ = energies(t, a)
	}
	require.Len(t, curve, 201)
	slices.Reverse(curve)
	require.True(t, slices.IsSorted(curve))
	require.Less(t, curve[0], 0.5*alone)
}

// A problem knows how often its rule wants to see a batch, and shows the curve.
func TestRepeatsAndEnergiesOfAProblem(t *testing.T) {
	for rule, want := range map[string]int{"ipc": 3, "pc": 1, "backprop": 1} {
		var config []byte
		if rule == "ipc" {
			config = []byte(`{"steps": 3}`)
		}
		f := family[float64](t, rule, config, nets.Dense{Units: 5}, tanh, nets.Dense{Units: 4})
		f.Data = problemtest.Images(20, 4)
		p, err := f.Problem()
		require.NoError(t, err)
		require.Equal(t, want, p.Repeats())
		theta := make([]float64, p.Params().Len())
		p.Init(theta, 1)
		_, err = p.Eval(make([]float64, len(theta)), theta, 2)
		require.NoError(t, err)
		require.Len(t, p.Energies(), map[string]int{"ipc": 2, "pc": 21, "backprop": 0}[rule])
	}
}
