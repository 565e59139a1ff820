package search_test

import (
	"testing"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/params"
)

// What a search takes of each candidate, losses apart: a generation told and the next one asked for.
func BenchmarkGeneration(b *testing.B) {
	for _, name := range search.Names() {
		b.Run("search="+name, func(b *testing.B) {
			s, err := search.Named(name, nil, search.FormulaLayout().Len(), 1)
			if err != nil {
				b.Fatal(err)
			}
			losses := make([]float64, len(s.Ask()))
			for i := range losses {
				losses[i] = float64(i * 7 % 11)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Tell(losses); err != nil {
					b.Fatal(err)
				}
				s.Ask()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(losses)), "ns/candidate")
		})
	}
}

// What a formula takes before its first step: genetic programming pays it for every candidate.
func BenchmarkFormulaCompiled(b *testing.B) {
	theta := params.Layout{{Name: "w", Shape: []int{3, 1}}}
	var senses params.Layout
	for _, s := range []params.Sense{params.Pre, params.Post, params.Target} {
		senses = append(senses, params.Spec{Name: s.Of("w"), Shape: []int{1, 1}})
	}
	senses[0].Shape[1] = 3
	for _, text := range []string{"0.5*pre*(target - post)", "tanh(pre*target - weight*post)*(pre + 0.2)"} {
		phi, err := search.EncodeFormula(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				r, _, err := search.DecodeFormula(phi)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := learnedopt.CompileWith[float32](r, theta, learnedopt.Options{Workers: 1, Senses: senses}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
