package meta_test

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
	"github.com/seed1498fded/unroll/meta"
)

// network is a family of a net under a credit rule.
func network(t *testing.T, rule credit.Rule) credit.Family {
	set := problemtest.Images(100, 8)
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy,
		nets.Dense{Units: 200}, nets.Activation("sigmoid"), nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	return credit.Family{Net: net, Rule: rule, Data: set}
}

// TestEstimateOfMemory holds what is taken to be needed against what an estimator keeps once it has worked.
func TestEstimateOfMemory(t *testing.T) {
	net := network(t, nil)
	for name, c := range map[string]meta.BPTTConfig{
		"lstm on quadratics": {Rule: &lstm.Rule{}, Family: inner.Quadratic{}, Copies: 500},
		"lstm on a network":  {Rule: &lstm.Rule{}, Family: net},
		"a long window":      {Rule: &lstm.Rule{}, Family: inner.Quadratic{}, Copies: 32, Horizon: 500, Window: 500},
		"adam":               {Rule: &handmade.Adam{}, Family: net, Copies: 3, Window: 40},
		"sgd":                {Rule: &handmade.SGD{}, Family: net, Copies: 3, Window: 40},
		"adamw reads theta":  {Rule: &handmade.AdamW{}, Family: net},
		"exact":              {Rule: &lstm.Rule{}, Family: inner.Quadratic{}, Copies: 500, Exact: true},
		"feedback alignment": {Rule: &lstm.Rule{}, Family: network(t, &credit.FeedbackAlignmentOf[float32]{}), Copies: 2},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			b, err := meta.NewBPTT(c)
			require.NoError(t, err)
			phi := learnedopt.Phi(c.Rule, 1)
			_, err = b.Estimate(context.Background(), make([]float32, len(phi)), phi, 1)
			require.NoError(t, err)
			took := heap() - before
			runtime.KeepAlive(b)
			estimated := meta.Bytes(c)
			t.Logf("%.2f MB estimated, %.2f MB taken", estimated/1e6, took/1e6)
			require.InDelta(t, 0, math.Log(estimated/took), math.Log(2.5))
		})
	}
}

// heap returns the bytes in use.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools let go of
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// TestAbsurdSizes asks for what no machine has.
func TestAbsurdSizes(t *testing.T) {
	net := network(t, nil)
	for name, c := range map[string]meta.BPTTConfig{
		"window":         {Family: net, Horizon: math.MaxInt / 1000, Window: math.MaxInt / 1000},
		"largest window": {Family: net, Horizon: math.MaxInt, Window: math.MaxInt},
		"copies":         {Family: inner.Quadratic{}, Copies: math.MaxInt / 1000},
		"most copies":    {Family: net, Copies: math.MaxInt},
	} {
		t.Run(name, func(t *testing.T) {
			c.Rule = &lstm.Rule{}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := meta.NewBPTT(c)
			runtime.ReadMemStats(&after)
			var e *machine.MemoryError
			require.ErrorAs(t, err, &e)
			require.Less(t, len(err.Error()), 300)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10<<20))
		})
	}
	net.Batch = math.MaxInt
	_, err := meta.NewBPTT(meta.BPTTConfig{Rule: &lstm.Rule{}, Family: net})
	require.ErrorContains(t, err, "this would need about")
}
