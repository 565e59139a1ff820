package meta_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
)

// flopPerStep is the arithmetic of one coordinate in one step of the LSTM, there, again, and back: 4,980 multiplications with
// as many additions, four times.
const flopPerStep = 4 * 2 * 4980

// Meta-training on networks of 1,510, 15,910 and 1,000,120 weights: a window of 20 steps with its meta-gradient, and an
// episode of 100 with five of them.
func BenchmarkMetaTraining(b *testing.B) {
	for _, size := range []struct{ side, hidden int }{{8, 20}, {28, 20}, {28, 1258}} {
		for _, work := range []struct {
			name  string
			steps int
		}{{"window", 20}, {"episode", 100}} {
			before := live()
			e, n := estimator(b, size.side, size.hidden)
			phi, grad := learnedopt.Phi(new(lstm.Rule), 1), make([]float32, e.Phi().Len())
			b.Run(fmt.Sprintf("%s/n=%d", work.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					for at := 0; at < work.steps; at += 20 {
						_, err := e.Estimate(context.Background(), grad, phi, 1)
						require.NoError(b, err)
					}
				}
				ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(work.steps*n)
				b.ReportMetric(ns, "ns/coordinate-step")
				b.ReportMetric(flopPerStep/ns, "GFLOP/s")
				b.ReportMetric(float64(live()-before)/1e6, "live-MB")
			})
			runtime.KeepAlive(e)
		}
	}
}

// estimator unrolls the LSTM on a network for images, and returns how many weights that has.
func estimator(b *testing.B, side, hidden int) (*meta.BPTT, int) {
	set := problemtest.Images(1000, side)
	set.Classes = 10
	net, err := nets.New[float32](nets.Vector(set.Pixels()), nets.CrossEntropy,
		nets.Dense{Units: hidden}, nets.Activation("sigmoid"), nets.Dense{Units: set.Classes})
	require.NoError(b, err)
	f := credit.Family{Net: net, Data: set, Init: nets.Normal}
	p, err := f.Sample(0)
	require.NoError(b, err)
	e, err := meta.NewBPTT(meta.BPTTConfig{Rule: new(lstm.Rule), Family: f})
	require.NoError(b, err)
	return e, p.Params().Len()
}

// live returns the bytes in use, garbage left out.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
