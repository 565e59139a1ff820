package learnedopt

import (
	"errors"
	"fmt"
)

// Mean returns a rule whose learned numbers are the means of those of others, computed in float64. Rules that were learned one from the
// other can be far apart in what they are good at and yet have between them rules that are good at both (Wortsman et al. 2022, "Robust
// fine-tuning of zero-shot models", of networks); nothing of the kind is known of rules that were learned apart. A rule given twice counts
// twice. The result has the settings of the first, no provenance, and shares no memory with phi of what it is made of. It is an error if
// there is no rule, or if one has another name than the first or numbers of another layout.
func Mean(rules ...*Trained) (*Trained, error) {
	if len(rules) == 0 {
		return nil, errors.New("learnedopt: the mean of no rules; want one or more")
	}
	first := rules[0]
	layout := first.Rule.Spec().Phi
	phi := make([]float32, layout.Len())
	sums := make([]float64, len(phi))
	for i, t := range rules {
		if name := t.Rule.Name(); name != first.Rule.Name() {
			return nil, fmt.Errorf("learnedopt: the mean of %s and %s; want rules of one name", first.Rule.Name(), name)
		}
		if diff := layout.Diff(t.Rule.Spec().Phi); diff != "" {
			return nil, fmt.Errorf("learnedopt: the mean of rules of different layout: number %d: %s", i+1, diff)
		}
		for j, x := range t.Phi {
			sums[j] += float64(x)
		}
	}
	for j, sum := range sums {
		phi[j] = float32(sum / float64(len(rules)))
	}
	return &Trained{Rule: first.Rule, Phi: phi}, nil
}
