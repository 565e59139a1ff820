package ruletest

import (
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// A Trajectory is what an optimizer is fed, step by step: gradients, which do not depend on the weights, and losses.
type Trajectory struct {
	Layout  params.Layout `json:"layout"`
	Theta   []float64     `json:"theta"` // at the start
	Grads   [][]float64   `json:"grads"` // one for each step
	Losses  []float64     `json:"losses"`
	Horizon int           `json:"horizon"`
}

// A Golden is the weights after each of some steps, computed by an independent implementation of a rule.
type Golden struct {
	Trajectory                      // what is there replaces what all share
	Name       string               `json:"name"`
	Config     json.RawMessage      `json:"config"`      // the rule's
	Phi        map[string][]float64 `json:"phi"`         // by the names of the rule's layout
	PhiFloat32 map[string][]byte    `json:"phi_float32"` // likewise, in base64 as little-endian float32
	PhiOf      string               `json:"phi_of"`      // the case whose phi it is
	PhiFile    string               `json:"phi_file"`    // the file in which it is
	GradScale  float64              `json:"grad_scale"`  // what the gradients are multiplied with; 1 if zero
	Weights    [][]float64          `json:"float64"`     // after each step, in float64
	Drift      float64              `json:"drift"`       // by how much the implementation itself differs in float32
}

// ReadGolden reads cases from a gzipped JSON file.
func ReadGolden(t testing.TB, file string) []Golden {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var all struct {
		Trajectory
		Cases []Golden `json:"cases"`
	}
	require.NoError(t, json.NewDecoder(z).Decode(&all))
	require.NotEmpty(t, all.Cases)
	phi := make(map[string]map[string][]float64)
	for i := range all.Cases {
		g := &all.Cases[i]
		if g.Layout == nil {
			horizon := cmp.Or(g.Horizon, all.Horizon)
			g.Trajectory = all.Trajectory
			g.Horizon = horizon
		}
		g.Horizon = cmp.Or(g.Horizon, all.Horizon)
		g.unpack()
		if phi[g.Name] = g.Phi; g.PhiOf != "" {
			g.Phi = phi[g.PhiOf]
		}
	}
	return all.Cases
}

// unpack adds the numbers of PhiFloat32 to Phi.
func (g *Golden) unpack() {
	for name, packed := range g.PhiFloat32 {
		if g.Phi == nil {
			g.Phi = make(map[string][]float64)
		}
		for ; len(packed) >= 4; packed = packed[4:] {
			g.Phi[name] = append(g.Phi[name], float64(math.Float32frombits(binary.LittleEndian.Uint32(packed))))
		}
	}
}

// Run holds a rule to the weights at every step, in float64 to 1e-8 and in float32, as it is used, to twice what the
// implementation's own float32 differs, at least 1e-6 and at most 1e-5; relative to weights above 1. Where that differs by
// more than 1e-5 float32 tells nothing, and is left out.
func (g Golden) Run(t *testing.T, r learnedopt.Rule) {
	require.NoError(t, json.Unmarshal(g.Config, r))
	require.NoError(t, learnedopt.Validate(r))
	phi := g.phi(t, r)
	tol := min(max(1e-6, 2*g.Drift), 1e-5)
	t.Run("float64", func(t *testing.T) { follow(t, g, r, phi, learnedopt.Options{Reference: true}, 1e-8) })
	if g.Drift > 1e-5 {
		return
	}
	t.Run("float32", func(t *testing.T) { follow(t, g, r, params.Convert[float32](phi), learnedopt.Options{}, tol) })
}

// phi lays the numbers out as the rule wants them.
func (g Golden) phi(t *testing.T, r learnedopt.Rule) []float64 {
	layout := r.Spec().Phi
	phi := make([]float64, layout.Len())
	names := 0
	for _, s := range layout {
		v, there := g.Phi[s.Name]
		require.True(t, there, "no %s among the numbers of %s", s.Name, g.Name)
		require.Len(t, v, s.Len(), s.Name)
		for i, x := range v {
			params.Slice(layout, phi, s.Name)[i] = x
		}
		names++
	}
	require.Len(t, g.Phi, names, "numbers that the rule has no place for")
	return phi
}

func follow[F params.Float](t *testing.T, g Golden, r learnedopt.Rule, phi []F, o learnedopt.Options, tol float64) {
	c, err := learnedopt.CompileWith[F](r, g.Layout, o)
	require.NoError(t, err)
	theta, state := params.Convert[F](g.Theta), make([]F, c.State().Len())
	step := make([]F, len(theta))
	require.NoError(t, c.Start(state, phi))
	require.Len(t, g.Weights, len(g.Grads))
	worst := 0.0
	for k, want := range g.Weights {
		grad := params.Convert[F](g.Grads[k])
		if g.GradScale != 0 {
			for i := range grad {
				grad[i] *= F(g.GradScale)
			}
		}
		p := learnedopt.Point[F]{
			Phi: phi, State: state, Grad: grad, Theta: theta, Loss: []F{F(g.Losses[k])}, Step: k, Horizon: g.Horizon,
		}
		require.NoError(t, c.Step(step, state, p))
		for i := range theta {
			theta[i] += step[i]
			off := math.Abs(float64(theta[i])-want[i]) / max(1, math.Abs(want[i]))
			worst = max(worst, off)
			require.LessOrEqual(t, off, tol, "weight %d after step %d is %v, want %v", i, k, theta[i], want[i])
		}
	}
	t.Logf("%s: off by %.1e at most", g.Name, worst)
}
