// Package handmade holds the optimizers that people have designed, as rules: baselines to compare with, rules whose
// hyperparameters can be learned, and outer optimizers of meta-training.
//
// Their hyperparameters are learnable like any phi. They are kept in a form in which every real number is allowed, so that a
// gradient step can't leave their range: a rate as its logarithm, a decay β as its logit x, β = σ(x).
//
// The rules after AdamW are held to the trajectories of Optax (testdata); where a paper and Optax differ, they are Optax's. Their
// phi has a λ only if it is above 0 in the configuration.
package handmade

import "github.com/seed1498fded/unroll/learnedopt/rule"

// All returns one of each rule, with its defaults.
func All() []rule.Rule {
	return []rule.Rule{new(SGD), new(Momentum), new(NAG), new(RMSprop), new(Adam), new(AdamW), new(Lion), new(Adafactor),
		new(RAdam), new(NAdam), new(Yogi), new(AdaBelief), new(LAMB), new(ScheduleFree),
		new(Muon), new(DoG), new(DoWG), new(Prodigy)}
}
