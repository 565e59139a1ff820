package plastic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
)

// BenchmarkSense is one step of a life: all that a search pays for beside the rule.
func BenchmarkSense(b *testing.B) {
	for name, f := range map[string]inner.Family{
		"boolean": plastic.Boolean{}, "conditioning": plastic.Conditioning{}, "association": plastic.Association{},
		"foraging": plastic.Foraging{}, "xor": plastic.XOR{},
	} {
		b.Run(name, func(b *testing.B) {
			p, err := f.Sample(1)
			require.NoError(b, err)
			s := p.(inner.Synaptic)
			theta, felt := make([]float32, p.Params().Len()), make([]float32, s.Senses().Len())
			p.Init(theta, 1)
			b.ReportAllocs()
			step := 0
			for b.Loop() {
				_ = s.Sense(felt, theta, step%100, rng.Split(1, uint64(step)))
				step++
			}
		})
	}
}
