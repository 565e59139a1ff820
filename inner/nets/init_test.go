package nets_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// Weights start at a variance of one over the inputs that an element sees, biases at zero.
func TestInit(t *testing.T) {
	net, err := nets.New[float64](shape(4, 8, 8), nets.CrossEntropy, nets.Conv{Channels: 40, Kernel: 5, Stride: 1}, nets.Dense{Units: 10})
	require.NoError(t, err)
	require.Equal(t, params.Layout{
		{Name: "w0", Shape: []int{40, 4, 5, 5}}, {Name: "b0", Shape: []int{40}},
		{Name: "w1", Shape: []int{640, 10}}, {Name: "b1", Shape: []int{10}},
	}, net.Params())
	theta := normal[float64](net.Params().Len(), 1)
	net.Init(theta, 7)
	for l, fanIn := range []int{100, 640} {
		require.Equal(t, fanIn, net.FanIn(l))
		w, b := net.Weights(theta, l)
		require.InEpsilon(t, 1/float64(fanIn), dot(w, w)/float64(len(w)), 0.1)
		require.Equal(t, make([]float64, len(b)), b)
	}
	again := make([]float64, len(theta))
	net.Init(again, 7)
	require.Equal(t, theta, again)
}

// The variances are those of the papers, and biases are zero but in a normal start.
func TestStart(t *testing.T) {
	net, err := nets.New[float64](shape(4, 8, 8), nets.CrossEntropy, nets.Conv{Channels: 40, Kernel: 5, Stride: 1, Pad: 2},
		nets.Expression{Name: "dense", Weights: []int{2560, 3}, FanIn: 2560, Write: written(2560).Write}, nets.Dense{Units: 10})
	require.NoError(t, err)
	in, out := []float64{4 * 25, 2560, 2560}, []float64{40 * 25, 2560, 10}
	for name, variance := range map[string]func(in, out float64) float64{
		"lecun":     func(in, _ float64) float64 { return 1 / in },
		"he":        func(in, _ float64) float64 { return 2 / in },
		"glorot":    func(in, out float64) float64 { return 2 / (in + out) },
		"normal0.1": func(_, _ float64) float64 { return 0.01 },
		"normal3":   func(_, _ float64) float64 { return 9 },
	} {
		init := nets.Init(name)
		require.NoError(t, init.Validate())
		theta := normal[float64](net.Params().Len(), 1) // to be overwritten
		net.Start(theta, init, 7)
		for l := range net.Blocks() {
			w, b := net.Weights(theta, l)
			require.InEpsilon(t, variance(in[l], out[l]), dot(w, w)/float64(len(w)), 0.1, "%s, block %d", name, l)
			if name[:2] == "no" {
				require.NotZero(t, b[0])
			} else {
				require.Equal(t, make([]float64, len(b)), b, name)
			}
		}
		again := make([]float64, len(theta))
		net.Start(again, init, 7)
		require.Equal(t, theta, again, name)
		net.Start(again, init, 8)
		require.NotEqual(t, theta, again, name)
	}
	require.Len(t, nets.Inits(), 4)
	for _, name := range nets.Inits() {
		require.NoError(t, nets.Init(name).Validate())
	}
	for _, name := range []string{"", "Lecun", "normal", "normal0", "normal-1", "normal1e999", "normalNaN", "normalInf", "normal 1"} {
		err := nets.Init(name).Validate()
		require.ErrorContains(t, err, "nets: no init \""+name+"\"; there are lecun, he, glorot, normal0.1, and normal with")
	}
}

// Which key draws what does not change: figures depend on it.
func TestStartsHaveTheirKeys(t *testing.T) {
	net, err := nets.New[float64](nets.Vector(4), nets.CrossEntropy, nets.Dense{Units: 3}, nets.Dense{Units: 2})
	require.NoError(t, err)
	theta, want := make([]float64, net.Params().Len()), make([]float64, net.Params().Len())
	net.Start(theta, nets.Normal, 5)
	rng.Normal(want, 5, 0.1)
	require.Equal(t, want, theta)
	net.Start(theta, nets.LeCun, 5)
	net.Init(want, rng.Split(5, 0))
	require.Equal(t, want, theta)
	w, _ := net.Weights(theta, 1)
	rng.Normal(want[:len(w)], rng.Split(rng.Split(5, 0), 1), 1/1.7320508075688772)
	require.InDeltaSlice(t, want[:len(w)], w, 1e-15)
}
