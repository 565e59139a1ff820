package handmade_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// A trajectory is where Optax went along the gradients of the file, multiplied by Scale, or by their absolute values.
type trajectory struct {
	Scale   float64     `json:"scale"`
	Abs     bool        `json:"abs"`
	Drift   float64     `json:"drift"`   // how far its float32 went from its float64
	Weights [][]float64 `json:"weights"` // after each step, in float64
	Average [][]float64 `json:"average"` // where a schedule-free run is evaluated
	D       []float64   `json:"d"`       // Prodigy's estimate of the distance
}

type golden struct {
	Layout    params.Layout         `json:"layout"`
	Start     []float64             `json:"start"`
	Gradients [][]float64           `json:"gradients"`
	Cases     map[string]trajectory `json:"cases"`
}

// optax reads testdata/optax.json.gz, once.
var optax = sync.OnceValues(func() (g golden, err error) {
	f, err := os.Open("testdata/optax.json.gz")
	if err != nil {
		return g, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return g, err
	}
	return g, json.NewDecoder(z).Decode(&g)
})

// natural are hyperparameters as people write them; phi holds the logarithm of lr as log_lr, the logit of beta1 as logit_beta1.
type natural map[string]float64

// phi is exact where a rule's own start is rounded to float32.
func (n natural) phi(t *testing.T, l params.Layout) []float64 {
	t.Helper()
	require.Len(t, l, len(n))
	var phi []float64
	for _, s := range l {
		form, name, _ := strings.Cut(s.Name, "_")
		v, ok := n[name]
		require.True(t, ok, s.Name)
		switch form {
		case "log":
			phi = append(phi, math.Log(v))
		case "logit":
			phi = append(phi, logit(v))
		default:
			require.Fail(t, "unknown form", s.Name)
		}
	}
	return phi
}

// adamLike are the hyperparameters of most of the trajectories.
func adamLike(eps float64) natural {
	return natural{"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": eps}
}

func (n natural) and(name string, v float64) natural {
	n[name] = v
	return n
}

// goldens are the rules whose steps Optax takes too. Its RMSprop is missing: with a momentum and ε inside the root it is another.
var goldens = []struct {
	trajectory string
	rule       learnedopt.Rule
	phi        natural
}{
	{"sgd/sgd_momentum", &handmade.Momentum{LR: 0.001}, natural{"lr": 0.001, "momentum": 0.9}},
	{"sgd/sgd_nesterov", &handmade.NAG{LR: 0.001}, natural{"lr": 0.001, "momentum": 0.9}},
	{"adam/adam", &handmade.Adam{LR: 0.01}, adamLike(1e-8)},
	{"adam/adam_tiny_gradients", &handmade.Adam{LR: 0.01}, adamLike(1e-8)},
	{"adamw/adamw", &handmade.AdamW{Adam: handmade.Adam{LR: 0.01}}, adamLike(1e-8).and("decay", 0.01)},
	{"lion/lion", &handmade.Lion{LR: 0.001, Decay: 0.1}, natural{"lr": 0.001, "beta1": 0.9, "beta2": 0.99, "decay": 0.1}},
	{"adafactor/defaults", &handmade.Adafactor{}, natural{"lr": 0.01, "exponent": 0.8}},
	{"adafactor/factored", &handmade.Adafactor{MinFactored: 2}, natural{"lr": 0.01, "exponent": 0.8}},
	{"adafactor/factored_momentum_wd", &handmade.Adafactor{MinFactored: 2, Momentum: 0.9, Decay: 0.01},
		natural{"lr": 0.01, "exponent": 0.8, "momentum": 0.9, "decay": 0.01}},
}

func TestTrajectoriesOfOptax(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.trajectory, func(t *testing.T) {
			exact := g.phi.phi(t, g.rule.Spec().Phi)
			rounded := learnedopt.Phi(g.rule, 0)
			require.InDeltaSlice(t, exact, params.Convert[float64](rounded), 1e-5, "phi")
			reference := func(r learnedopt.Rule, l params.Layout) (*learnedopt.Compiled[float64], error) {
				return learnedopt.CompileWith[float64](r, l, learnedopt.Options{Reference: true})
			}
			follow(t, reference, g.rule, exact, g.trajectory, func(trajectory) float64 { return 1e-8 })
			follow(t, learnedopt.Compile[float32], g.rule, rounded, g.trajectory, func(c trajectory) float64 { return max(1e-6, 2*c.Drift) })
		})
	}
}

// follow walks along the gradients of a trajectory and holds every weight after every step to it, relative to the weight or,
// where it is smaller, to 1.
func follow[F params.Float](t *testing.T, compile compiler[F], r learnedopt.Rule, phi []F, name string, tolerance func(trajectory) float64) {
	t.Helper()
	g, err := optax()
	require.NoError(t, err)
	want, ok := g.Cases[name]
	require.True(t, ok, name)
	c, err := compile(r, g.Layout)
	require.NoError(t, err)
	theta, state, step := params.Convert[F](g.Start), make([]F, c.State().Len()), make([]F, len(g.Start))
	require.NoError(t, c.Start(state, phi))
	for s, gradient := range g.Gradients {
		grad := params.Convert[F](gradient)
		for i := range grad {
			if want.Abs {
				grad[i] = max(grad[i], -grad[i])
			}
			grad[i] *= F(want.Scale)
		}
		require.NoError(t, c.Step(step, state, learnedopt.Point[F]{Phi: phi, State: state, Grad: grad, Theta: theta, Step: s, Horizon: 200}))
		for i := range theta {
			theta[i] += step[i]
		}
		near(t, want.Weights[s], theta, tolerance(want), fmt.Sprintf("weight after step %d, %T", s+1, phi))
	}
}

func near[F params.Float](t *testing.T, want []float64, got []F, tolerance float64, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		require.InDelta(t, w, float64(got[i]), tolerance*max(1, math.Abs(w)), "%s, element %d", what, i)
	}
}
