package suite

import (
	"math"

	problems "github.com/seed1498fded/unroll/inner/suite"
)

// A group is one problem, or those that share a number: the indices of its parts in the list of problems.
type group []int

// groups returns those of a list of problems, in its order.
func groups(list []problems.Problem) (g []group) {
	for i, p := range list {
		if i > 0 && p.Number == list[i-1].Number {
			g[len(g)-1] = append(g[len(g)-1], i)
			continue
		}
		g = append(g, group{i})
	}
	return g
}

// name joins the names of the parts, as in a+b.
func (g group) name(list []problems.Problem) string {
	name := list[g[0]].Name
	for _, i := range g[1:] {
		name += "+" + list[i].Name
	}
	return name
}

// ratio returns loss over reference, to both of which the floor is added. Of two that are both infinite or both 0 it is 1.
func ratio(loss, reference, floor float64) float64 {
	loss, reference = loss+floor, reference+floor
	if loss == reference {
		return 1
	}
	if math.IsNaN(loss) {
		return math.Inf(1)
	}
	return loss / reference
}

// geometric returns the geometric mean, +Inf if any number is infinite, whatever the others are.
func geometric(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		if math.IsInf(x, 1) || math.IsNaN(x) {
			return math.Inf(1)
		}
		sum += math.Log(x)
	}
	if len(v) == 1 { // to the digit
		return v[0]
	}
	return math.Exp(sum / float64(len(v)))
}

// of returns the geometric mean of what the parts have.
func (g group) of(part func(i int) float64) float64 {
	v := make([]float64, len(g))
	for k, i := range g {
		v[k] = part(i)
	}
	return geometric(v)
}

// meanCurve returns the mean over runs of the smoothed losses.
func meanCurve(runs []outcome) []float64 {
	curve, at := make([]float64, len(runs[0].smoothed)), make([]float64, len(runs))
	for t := range curve {
		for i, r := range runs {
			at[i] = r.smoothed[t]
		}
		curve[t] = mean(at)
	}
	return curve
}

// near is how close to the target counts as being there: where a problem is solved, losses differ by rounding and noise alone.
const near = 1e-3

// reached returns how many minibatches have been seen when the curve is first at the target, near it or below, +Inf if it never
// is or if there is no target.
func reached(curve []float64, target float64) float64 {
	if finite(target) {
		for t, v := range curve {
			if v <= target+near*math.Abs(target) {
				return float64(t + 1)
			}
		}
	}
	return math.Inf(1)
}
