package credittest

import "github.com/seed1498fded/unroll/inner/credit"

// What a rule may ask of a training loop, of an assigner or of its problem.

// pretrainEpochs returns for how many epochs only the rule's own weights are to learn, before all else.
func pretrainEpochs(of any) int {
	if p, ok := of.(credit.Pretrained); ok {
		return p.PretrainEpochs()
	}
	return 0
}

// repeats returns how many steps in a row each minibatch is good for.
func repeats(of any) int {
	if r, ok := of.(credit.Repeated); ok {
		return r.Repeats()
	}
	return 1
}
