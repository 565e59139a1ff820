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
	{"radam/radam", &handmade.RAdam{LR: 0.01}, adamLike(1e-8)},
	{"radam/radam_tiny_gradients", &handmade.RAdam{LR: 0.01}, adamLike(1e-8)},
	{"nadam/nadam", &handmade.NAdam{LR: 0.01}, adamLike(1e-8)},
	{"yogi/yogi", &handmade.Yogi{}, adamLike(1e-3)},
	{"yogi/yogi_tiny_gradients", &handmade.Yogi{}, adamLike(1e-3)},
	{"adabelief/adabelief", &handmade.AdaBelief{LR: 0.01}, adamLike(1e-16)},
	{"adabelief/adabelief_tiny_gradients", &handmade.AdaBelief{LR: 0.01}, adamLike(1e-16)},
	{"lamb/lamb", &handmade.LAMB{LR: 0.01, Decay: 0.01}, adamLike(1e-6).and("decay", 0.01)},
	{"schedule_free_adamw/constant", &handmade.ScheduleFree{LR: 0.01, Decay: 0.01}, adamLike(1e-8).and("decay", 0.01)},
	{"schedule_free_adamw/constant_tiny_gradients", &handmade.ScheduleFree{LR: 0.01, Decay: 0.01}, adamLike(1e-8).and("decay", 0.01)},
	{"schedule_free_adamw/warmup5", &handmade.ScheduleFree{LR: 0.01, Beta1: 0.95, Beta2: 0.99, Warmup: 5},
		natural{"lr": 0.01, "beta1": 0.95, "beta2": 0.99, "eps": 1e-8}},
	{"muon/muon", &handmade.Muon{Decay: 0.01}, muonLike()},
	{"muon/muon_no_nesterov", &handmade.Muon{Decay: 0.01, Plain: true}, muonLike()},
	{"dog/defaults", &handmade.DoG{}, dogLike(1e-6)},
	{"dog/distance.1", &handmade.DoG{Start: "distance", First: 0.1, Decay: 0.01}, dogLike(0.1).and("decay", 0.01)},
	{"dog/distance.1_tiny_gradients", &handmade.DoG{Start: "distance", First: 0.1, Decay: 0.01}, dogLike(0.1).and("decay", 0.01)},
	{"dog/distance.1_aligned", &handmade.DoG{Start: "distance", First: 0.1}, dogLike(0.1)},
	{"dog/learning_rate.01_aligned", &handmade.DoG{Start: "rate", First: 0.01}, dogLike(0.01)},
	{"dowg/defaults", &handmade.DoWG{}, dogLike(1e-4).and("eps", 1e-4)},
	{"dowg/init.01", &handmade.DoWG{First: 0.01}, dogLike(0.01).and("eps", 1e-4)},
	{"dowg/init.01_tiny_gradients", &handmade.DoWG{First: 0.01}, dogLike(0.01).and("eps", 1e-4)},
	{"dowg/init.01_aligned", &handmade.DoWG{First: 0.01}, dogLike(0.01).and("eps", 1e-4)},
	{"prodigy/defaults", &handmade.Prodigy{}, prodigyLike(1e-6, 1)},
	{"prodigy/d0_1e-2_wd", &handmade.Prodigy{First: 0.01, Decay: 0.1}, prodigyLike(0.01, 1).and("decay", 0.1)},
	{"prodigy/defaults_aligned", &handmade.Prodigy{}, prodigyLike(1e-6, 1)},
	{"prodigy/d0_1e-2_wd_aligned", &handmade.Prodigy{First: 0.01, Decay: 0.1}, prodigyLike(0.01, 1).and("decay", 0.1)},
	{"prodigy/d0_1e-2_safeguard_aligned", &handmade.Prodigy{First: 0.01, Growth: 2, Safeguard: true}, prodigyLike(0.01, 2)},
}

func muonLike() natural {
	return adamLike(1e-8).and("lr", 0.02).and("momentum", 0.95).and("decay", 0.01)
}

func dogLike(first float64) natural { return natural{"lr": 1, "first": first, "eps": 1e-8} }

func prodigyLike(first, growth float64) natural {
	return adamLike(1e-8).and("lr", 1).and("first", first).and("growth", growth)
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

// The weights to use in the end, of which a schedule-free run keeps how far they are from theta, are Optax's too.
func TestAverageOfScheduleFree(t *testing.T) {
	g, err := optax()
	require.NoError(t, err)
	for _, tt := range []struct {
		trajectory string
		rule       *handmade.ScheduleFree
		beta1      float64
	}{
		{"schedule_free_adamw/constant", &handmade.ScheduleFree{LR: 0.01, Decay: 0.01}, 0.9},
		{"schedule_free_adamw/warmup5", &handmade.ScheduleFree{LR: 0.01, Beta1: 0.95, Beta2: 0.99, Warmup: 5}, 0.95},
	} {
		w := newWalk(t, learnedopt.Compile[float32], tt.rule, len(g.Start))
		copy(w.theta, params.Convert[float32](g.Start))
		for s, gradient := range g.Gradients {
			w.take(t, params.Convert[float32](gradient))
			average := make([]float32, len(w.theta))
			for i := range w.theta {
				w.theta[i] += w.step[i]
				z := w.state[w.c.StateLayout().Rows[0]+i] // less theta
				average[i] = w.theta[i] - float32((1-tt.beta1)/tt.beta1)*z
			}
			near(t, g.Cases[tt.trajectory].Average[s], average, 2e-6, fmt.Sprint(tt.trajectory, " after step ", s+1))
		}
	}
}

// Prodigy's estimate of the distance is Optax's at every step, whether it grows or not.
func TestEstimatesOfProdigy(t *testing.T) {
	g, err := optax()
	require.NoError(t, err)
	for _, gold := range goldens {
		want := g.Cases[gold.trajectory]
		if _, is := gold.rule.(*handmade.Prodigy); !is {
			continue
		}
		c, err := learnedopt.Compile[float64](gold.rule, g.Layout)
		require.NoError(t, err)
		phi := gold.phi.phi(t, gold.rule.Spec().Phi)
		theta, state, step := append([]float64(nil), g.Start...), make([]float64, c.State().Len()), make([]float64, len(g.Start))
		require.NoError(t, c.Start(state, phi))
		for s, gradient := range g.Gradients {
			grad := append([]float64(nil), gradient...)
			for i := range grad {
				if want.Abs {
					grad[i] = math.Abs(grad[i])
				}
			}
			require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: grad, Theta: theta}))
			for i := range theta {
				theta[i] += step[i]
			}
			d := state[c.StateLayout().Shared[0]+1]
			require.InEpsilon(t, want.D[s], d, 1e-7, "%s after step %d", gold.trajectory, s+1)
		}
	}
}
