package eval

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
)

// allocated returns the bytes that f allocates in all.
func allocated(f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// TestEstimateOfMemory holds what runs are taken to need against what a single one of them allocates.
func TestEstimateOfMemory(t *testing.T) {
	set := problemtest.Images(100, 8)
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy,
		nets.Dense{Units: 5000}, nets.Activation("sigmoid"), nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	wide := credit.Family{Net: net, Data: set}
	for name, c := range map[string]struct {
		runs Runs
		rule learnedopt.Rule
	}{
		"many steps":        {Runs{Family: inner.Quadratic{}, Steps: 200_000, Count: 1}, &handmade.SGD{}},
		"adam on a network": {Runs{Family: wide, Steps: 2, Count: 1}, &handmade.Adam{}},
		"lstm on a network": {Runs{Family: wide, Steps: 1, Count: 1}, &lstm.Rule{}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := c.runs.Family.Sample(0)
			require.NoError(t, err)
			estimated, err := c.runs.bytes(p, c.rule)
			require.NoError(t, err)
			trained := &learnedopt.Trained{Rule: c.rule, Phi: learnedopt.Phi(c.rule, 0)}
			took := allocated(func() {
				_, err := Measure(context.Background(), trained, c.runs)
				require.NoError(t, err)
			})
			t.Logf("%.2f MB estimated, %.2f MB allocated", estimated/1e6, took/1e6)
			require.InDelta(t, 0, math.Log(estimated/took), math.Log(2.5))
		})
	}
}

// TestAbsurdSizes asks for what no machine has.
func TestAbsurdSizes(t *testing.T) {
	ctx := context.Background()
	rule := &learnedopt.Trained{Rule: &lstm.Rule{}, Phi: learnedopt.Phi(&lstm.Rule{}, 0)}
	adam, err := FindBaseline("adam")
	require.NoError(t, err)
	contenders := []Contender{{Name: "adam", Baseline: &adam}}
	set := problemtest.Images(100, 8)
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy, nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	quadratic := Task{Test: inner.Quadratic{}, Tuning: inner.Quadratic{}}
	images := Images{Family: credit.Family{Net: net, Data: set, Batch: math.MaxInt, Rule: credit.BackpropOf[float32]{}}, Test: set}
	crossed := Comparison{Tasks: []Task{{Test: images}}, Contenders: contenders, Epochs: 1, Runs: 1}
	for name, run := range map[string]func() error{
		"steps": func() error {
			_, err := Measure(ctx, rule, Runs{Family: inner.Quadratic{}, Steps: math.MaxInt, Count: 1})
			return err
		},
		"runs": func() error {
			_, err := Measure(ctx, rule, Runs{Family: inner.Quadratic{}, Steps: 1, Count: math.MaxInt})
			return err
		},
		"their product": func() error {
			_, err := Measure(ctx, rule, Runs{Family: inner.Quadratic{}, Steps: math.MaxInt / 2, Count: 4})
			return err
		},
		"timing": func() error {
			_, err := StepTime(ctx, rule, Runs{Family: images.Family, Steps: 1, Count: 1}, 100)
			return err
		},
		"tuning": func() error {
			_, err := Comparison{Tasks: []Task{quadratic}, Steps: 1, Runs: 1, TuningRuns: math.MaxInt, Contenders: contenders}.Run(ctx)
			return err
		},
		"curves": func() error {
			return Comparison{Tasks: []Task{quadratic}, Steps: int(machine.Memory() / 16), Runs: 1, Contenders: []Contender{{Name: "a", Learned: rule}}}.Validate()
		},
		"a minibatch": func() error {
			_, err := crossed.Run(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			require.Less(t, allocated(func() { err = run() }), 10e6)
			var e *machine.MemoryError
			require.ErrorAs(t, err, &e)
			require.Less(t, len(err.Error()), 300)
		})
	}
	_, err = Comparison{Tasks: []Task{quadratic}, Steps: 1, Runs: 1, Contenders: contenders}.Run(ctx)
	require.ErrorContains(t, err, "want at least 1 of each", "nothing to tune on")
}
