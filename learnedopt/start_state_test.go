package learnedopt_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// A warm rule has momentum before its first step: v starts at 2, and what is shared at e^φ.
//
//	v ← v/2 + g + 1,  s ← s + 1,  step = −s v/10
type warm struct{}

func (warm) Name() string                 { return "warm" }
func (warm) Init(phi []float32, _ uint64) { phi[0] = 0.5 }
func (warm) Spec() learnedopt.Spec {
	return learnedopt.Spec{
		Reads: learnedopt.Grad, Phi: params.Layout{{Name: "log_s", Shape: []int{1}}},
		State: learnedopt.State{PerCoordinate: []learnedopt.Row{{Name: "v"}}, Shared: params.Layout{{Name: "s", Shape: []int{1}}}},
	}
}

func (warm) InitState(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	b := new(graph.Builder)
	s := b.Exp(in.Phi["log_s"])
	v := b.Reshape(b.RepeatRows(b.Reshape(b.Shift(2, b.Scale(0, s)), 1), in.Tensors[0].Spec.Len()), in.Tensors[0].Spec.Len())
	out := learnedopt.One(nil, map[string]*G.Node{"v": v})
	out.Shared = map[string]*G.Node{"s": s}
	return out, b.Err()
}

func (warm) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	b, x := new(graph.Builder), in.Tensors[0]
	v := b.Shift(1, b.Add(b.Scale(0.5, x.State["v"]), x.Grad))
	s := b.Shift(1, in.Shared["s"])
	out := learnedopt.One(b.Scale(-0.1, b.Mul(s, v)), map[string]*G.Node{"v": v})
	out.Shared = map[string]*G.Node{"s": s}
	return out, b.Err()
}

func TestLawsOfALearnedStart(t *testing.T) {
	ruletest.Run(t, func() learnedopt.Rule { return new(warm) })
}

// A coordinate that has not been seen keeps the state of the start, whatever that is; Reset brings all of it back.
func TestUnseenCoordinatesKeepTheirStart(t *testing.T) {
	o, err := trained(new(warm)).New(vector(3))
	require.NoError(t, err)
	start := float32(math.Exp(0.5))
	require.InDeltaSlice(t, []float32{2, 2, 2, start}, o.State(), 1e-6)
	theta := make([]float32, 3)
	for range 3 {
		require.NoError(t, o.Step(theta, []float32{1, 0, 0}))
	}
	require.Equal(t, []float32{0, 0}, theta[1:])
	require.InDeltaSlice(t, []float32{2, 2, start + 3}, o.State()[1:], 1e-6)
	require.NoError(t, o.Step(theta, []float32{1, 1, 0}))
	require.InDelta(t, -0.1*(start+4)*3, theta[1], 1e-5, "its first step is from v = 2")
	require.NoError(t, o.Reset())
	require.InDeltaSlice(t, []float32{2, 2, 2, start}, o.State(), 1e-6)
}

// A phi that is not finite in its very first number is found too.
func TestFirstNumberOfPhi(t *testing.T) {
	bad := trained(new(handmade.Adam))
	bad.Phi[0] = float32(math.Inf(1))
	_, err := bad.New(vector(2))
	require.EqualError(t, err, `learnedopt: adam: phi is +Inf at "log_lr" [0]; want finite numbers`)
}
