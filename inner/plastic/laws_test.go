package plastic_test

import (
	"testing"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

type subject struct {
	name    string
	single  inner.Family
	double  inner.FamilyOf[float64]
	options problemtest.Options
}

var subjects = []subject{
	{"boolean", plastic.Boolean{}, plastic.BooleanOf[float64]{},
		problemtest.Options{Varies: problemtest.Function | problemtest.Start}},
	{"boolean of 3, raw target", plastic.Boolean{Inputs: 3, Mod: "target", Start: 1},
		plastic.BooleanOf[float64]{Inputs: 3, Mod: "target", Start: 1},
		problemtest.Options{Varies: problemtest.Function | problemtest.Start}},
	{"xor", plastic.XOR{}, plastic.XOROf[float64]{}, problemtest.Options{Varies: problemtest.Start}},
	{"conditioning", plastic.Conditioning{Start: 0.2}, plastic.ConditioningOf[float64]{Start: 0.2},
		problemtest.Options{Varies: problemtest.Start}},
	{"conditioning, driven by a raw target", plastic.Conditioning{Block: 5, Start: 1, Drive: 0.8, Mod: "target"},
		plastic.ConditioningOf[float64]{Block: 5, Start: 1, Drive: 0.8, Mod: "target"}, problemtest.Options{Varies: problemtest.Start}},
	{"foraging", plastic.Foraging{}, plastic.ForagingOf[float64]{}, problemtest.Options{Varies: problemtest.Start}},
	{"foraging behind walls", plastic.Foraging{Moves: 30, Cycles: 3, Side: 6, Walls: true, Food: 2, Least: 0.2, Most: 0.4, Start: 0.2},
		plastic.ForagingOf[float64]{Moves: 30, Cycles: 3, Side: 6, Walls: true, Food: 2, Least: 0.2, Most: 0.4, Start: 0.2},
		problemtest.Options{Varies: problemtest.Start}},
	{"association", plastic.Association{}, plastic.AssociationOf[float64]{}, problemtest.Options{Varies: problemtest.Start}},
	{"association, shuffled", plastic.Association{Stimuli: 3, Actions: 4, Trials: 30, Shuffle: true},
		plastic.AssociationOf[float64]{Stimuli: 3, Actions: 4, Trials: 30, Shuffle: true}, problemtest.Options{Varies: problemtest.Start}},
}

// What a credit rule draws at the start of a life is part of its signal, and so the laws of gradients are not for it: those of
// credittest are.
func TestLawsUnderRandomFeedback(t *testing.T) {
	single := plastic.XOR{Functions: []string{"and"}, Hidden: 3, Rule: credit.FeedbackAlignmentOf[float32]{}}
	double := plastic.XOROf[float64]{Functions: []string{"and"}, Hidden: 3, Rule: credit.FeedbackAlignmentOf[float64]{}}
	problemtest.Synaptic(t, double, problemtest.Options{Varies: problemtest.Start})
	problemtest.AgreeOnSenses(t, single, double)
}

func TestLaws(t *testing.T) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			problemtest.Run(t, s.double, s.options)
			problemtest.Synaptic(t, s.double, s.options)
			t.Run("float32 agrees", func(t *testing.T) {
				problemtest.Agree(t, s.single, s.double)
				problemtest.AgreeOnSenses(t, s.single, s.double)
			})
		})
	}
}
