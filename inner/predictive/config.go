package predictive

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
)

// A Rule says when errors move.
type Rule int

const (
	// FixedPrediction moves all errors in each step, by Gamma of the way (Millidge, Tschantz and Buckley 2020).
	FixedPrediction Rule = iota

	// ZIL moves an error once and all the way, in the step t that is its vertex's distance from the loss, and latches it
	// (zero-divergence inference learning: Song et al. 2020, on graphs Salvatori et al. 2022). The distance is that of the
	// longest path. It takes the place of the identity vertices that Salvatori et al. insert to make all paths from a
	// vertex to the loss equally long: without either, an error would be latched before all it depends on has come.
	// The result is backpropagation's, to rounding, for about a third more operations.
	ZIL
)

// Config is how errors move. The zero Config is FixedPrediction with a rate of 0.1, for as long as it takes.
type Config struct {
	Rule Rule

	// Gamma is the rate γ of inference, in (0, 1]; 0.1 if zero, and 1 with ZIL.
	Gamma float64

	// Steps is the number T of steps of inference. If zero, so many that no path of the graph misses more than 1e-8 of
	// what it carries in the end; a shared weight whose paths nearly cancel may need more. With ZIL it must be zero: the
	// graph's depth sets it.
	Steps int

	// Sequential updates the errors in each step one after the other, from the loss down, each from errors that have been
	// updated already. Not with ZIL.
	Sequential bool

	// Vertex picks the operations that have a value and an error of their own. The others are part of the predictions of
	// those that they lead to, and pass cotangents on at once. If nil, every operation is a vertex. The loss always is, and
	// is clamped, and operations that lie on no path from a weight to the loss never are.
	Vertex func(op *G.Node) bool

	// Clip bounds each element of Σ_j J_jiᵀ ε_j, what a vertex hears, as the code of Millidge et al. does (at 50). Where it
	// acts the result is no longer the gradient, and nothing says so. No bound if zero.
	Clip float64

	// Observe, if set, is called after each step, counted from 1, with the energy ½ Σ |ε_i|² over all vertices but the
	// loss.
	Observe func(step int, energy float64)
}

// resolve checks the fields and fills in the defaults of all but Steps, for which the graph must be known.
func (c Config) resolve() (Config, error) {
	if c.Rule != FixedPrediction && c.Rule != ZIL {
		return c, fmt.Errorf("no Rule %d", c.Rule)
	}
	if c.Gamma == 0 {
		c.Gamma = 0.1
		if c.Rule == ZIL {
			c.Gamma = 1
		}
	}
	switch {
	case !(c.Gamma > 0 && c.Gamma <= 1):
		return c, fmt.Errorf("a Gamma of %v; want more than 0 and at most 1", c.Gamma)
	case c.Steps < 0:
		return c, fmt.Errorf("%d Steps; want 1 or more, or 0 for as many as it takes", c.Steps)
	case !(c.Clip >= 0):
		return c, fmt.Errorf("a Clip of %v; want a bound, or 0 for none", c.Clip)
	case c.Rule == ZIL && c.Gamma != 1:
		return c, fmt.Errorf("a Gamma of %v with ZIL; its errors move once and all the way", c.Gamma)
	case c.Rule == ZIL && c.Steps != 0:
		return c, fmt.Errorf("%d Steps with ZIL; it takes as many as the graph is deep", c.Steps)
	case c.Rule == ZIL && c.Sequential:
		return c, errors.New("ZIL with Sequential; its order is that of the distances")
	}
	if c.Clip == 0 {
		c.Clip = math.Inf(1)
	}
	return c, nil
}

// missing is the share of a path's message that may still be on its way when inference stops by itself.
const missing = 1e-8

// stepsFor counts the steps of inference along a chain of the given number of vertices, until no more than that is
// missing. A chain is as slow as any path of its length in any graph, because errors relax linearly. See the package
// comment for the closed form.
func stepsFor(depth int, gamma float64, sequential bool) int {
	if depth == 0 {
		return 1
	}
	share := make([]float64, depth) // of the last error that has arrived at each vertex
	for step := 1; ; step++ {
		for k := range share {
			i := k // the loss's side first: each hears its consumer's new error
			if !sequential {
				i = depth - 1 - k
			}
			heard := 1.0
			if i > 0 {
				heard = share[i-1]
			}
			share[i] = (1-gamma)*share[i] + gamma*heard
		}
		if share[depth-1] >= 1-missing {
			return step
		}
	}
}
