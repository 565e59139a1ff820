package nets_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/nets"
)

func newBenchModel(b *testing.B, size int, input nets.Shape, layers ...nets.Layer) *model[float32] {
	net, err := nets.New[float32](input, nets.CrossEntropy, layers...)
	require.NoError(b, err)
	m := newModel(net, size)
	m.draw(1)
	return m
}

// run measures the way forward and the whole gradient, by the multiplications of the maps with weights.
func run(b *testing.B, m *model[float32]) {
	forward, back := 0.0, 0.0
	for l := range m.net.Blocks() {
		products := float64(m.trace.N) * float64(m.net.Pre(l).Size()) * float64(m.net.FanIn(l))
		forward += products
		back += products
		if l > 0 {
			back += products
		}
	}
	measure := func(name string, f func(), products float64) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			b.ReportMetric(2*products*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
	measure("forward", func() { m.loss() }, forward)
	measure("gradient", m.gradient, forward+back)
}

func BenchmarkDense(b *testing.B) {
	for _, a := range nets.Activations() {
		b.Run(a, func(b *testing.B) {
			act := nets.Activation(a)
			run(b, newBenchModel(b, 128, shape(1, 28, 28), nets.Dense{Units: 256}, act, nets.Dense{Units: 256}, act,
				nets.Dense{Units: 256}, act, nets.Dense{Units: 10}))
		})
	}
}

func BenchmarkConv(b *testing.B) {
	relu := nets.Activation("relu")
	run(b, newBenchModel(b, 128, shape(1, 28, 28), nets.Conv{Channels: 16, Kernel: 3, Stride: 1, Pad: 1}, relu, nets.MaxPool{Size: 2},
		nets.Conv{Channels: 32, Kernel: 3, Stride: 1, Pad: 1}, relu, nets.MaxPool{Size: 2}, nets.Dense{Units: 10}))
}
