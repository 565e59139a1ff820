package plastic_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/params"
)

// all lays out every sense of weights [pre, post] called w.
func all(examples, pre, post int) params.Layout {
	l := params.Layout{{Name: "reward", Shape: []int{1}}, {Name: "pre.w", Shape: []int{examples, pre}}}
	for _, s := range []params.Sense{params.Potential, params.Post, params.Mod, params.Target} {
		l = append(l, params.Spec{Name: s.Of("w"), Shape: []int{examples, post}})
	}
	return l
}

// sizes are those of a neuron that learns a Boolean function online, and of layers that see many examples.
var sizes = []struct{ examples, pre, post int }{{1, 3, 1}, {1, 11, 11}, {1, 64, 32}, {32, 64, 32}}

func BenchmarkStep(b *testing.B) {
	for _, r := range plastic.All() {
		for _, s := range sizes {
			if d, ok := r.(*plastic.Distributed); ok {
				d.Pre, d.Post = s.pre, s.post
			}
			b.Run(fmt.Sprintf("%s/%dx%dx%d", r.Name(), s.examples, s.pre, s.post), func(b *testing.B) {
				benchmarkStep(b, r, s.examples, s.pre, s.post)
			})
		}
	}
}

func benchmarkStep(b *testing.B, r learnedopt.Rule, examples, pre, post int) {
	o := learnedopt.Options{Workers: 1, Senses: all(examples, pre, post)}
	c, err := learnedopt.CompileWith[float32](r, params.Layout{{Name: "w", Shape: []int{pre, post}}}, o)
	require.NoError(b, err)
	p := learnedopt.Point[float32]{Phi: learnedopt.Phi(r, 1)}
	p.Theta, p.Senses = make([]float32, pre*post), make([]float32, o.Senses.Len())
	rng.Normal(p.Theta, 2, 1)
	rng.Normal(p.Senses, 3, 1)
	step := make([]float32, pre*post)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Step(step, nil, p); err != nil {
			b.Fatal(err)
		}
	}
}
