package suite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/suite"
)

// One loss and gradient of each problem.
func BenchmarkEval(b *testing.B) {
	for _, p := range suite.Unroll12() {
		b.Run(p.Name, func(b *testing.B) {
			q, err := p.Family.Sample(1)
			require.NoError(b, err)
			theta, grad := make([]float32, q.Params().Len()), make([]float32, q.Params().Len())
			q.Init(theta, 1)
			key := uint64(0)
			for b.Loop() {
				_, _ = q.Eval(grad, theta, key)
				key++
			}
			b.ReportMetric(float64(len(theta)), "weights")
		})
	}
}

// One test loss of each problem.
func BenchmarkTest(b *testing.B) {
	for _, p := range suite.Unroll12() {
		b.Run(p.Name, func(b *testing.B) {
			q, err := p.Family.Sample(1)
			require.NoError(b, err)
			theta := make([]float32, q.Params().Len())
			q.Init(theta, 1)
			for b.Loop() {
				_, _ = q.(inner.Tested).TestLoss(theta)
			}
		})
	}
}
