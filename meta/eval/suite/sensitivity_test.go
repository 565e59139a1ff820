package suite_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval/suite"
)

func aggregates(ratios map[string]float64, order ...string) (list []suite.Aggregate) {
	for _, name := range order {
		x := meta.Number(ratios[name])
		list = append(list, suite.Aggregate{
			Name: name, IQM: suite.Interval{Value: x, Low: x / 2, High: 2 * x}, TestIQM: suite.Interval{Value: x, Low: x, High: x}, Worst: 3 * x,
			Ratios: []suite.Ratio{{Train: x, Test: x}},
		})
	}
	return list
}

// Names that differ in one number make a curve, from three values on; a name without it has 1.
func TestSensitivities(t *testing.T) {
	ratios := map[string]float64{
		"tuned-adam": 1, "a": .9, `a:{"rate":2}`: 1.1, `a:{"rate":0.5}`: 1.2, `b:{"told":4}`: 5, `b:{"told":2}`: 3, `b:{"told":1}`: math.Inf(1),
		`a:{"told":2}`: 7, `a:{"rate":3,"told":2}`: 8, `a:{"untold":true}`: 9,
	}
	r := suite.Report{Aggregate: aggregates(ratios, "tuned-adam", `b:{"told":4}`, `a:{"rate":2}`, "a", `a:{"told":2}`, `a:{"rate":0.5}`,
		`a:{"rate":3,"told":2}`, `b:{"told":2}`, `a:{"untold":true}`, `b:{"told":1}`)}
	found := map[string][]float64{}
	for _, s := range r.Sensitivities() {
		for _, p := range s.Points {
			found[s.Optimizer+" "+s.Number] = append(found[s.Optimizer+" "+s.Number], p.Value, float64(p.IQM.Value))
		}
	}
	require.Equal(t, map[string][]float64{
		"a rate": {.5, 1.2, 1, .9, 2, 1.1}, "b told": {1, math.Inf(1), 2, 3, 4, 5},
	}, found)

	p, err := r.Page()
	require.NoError(t, err)
	var page strings.Builder
	require.NoError(t, p.Write(&page))
	require.Equal(t, 3, strings.Count(page.String(), "<svg "), "the profiles and two curves")
	require.Equal(t, 2, strings.Count(page.String(), ">Ratios to the tuned Adam"))
}
