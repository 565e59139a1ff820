package credittest

// What a rule may ask of a training loop, of an assigner or of its problem.
type (
	pretrainer interface{ PretrainEpochs() int }
	repeater   interface{ Repeats() int }
)

// pretrainEpochs returns for how many epochs only the rule's own weights are to learn, before all else.
func pretrainEpochs(of any) int {
	if p, ok := of.(pretrainer); ok {
		return p.PretrainEpochs()
	}
	return 0
}

// repeats returns how many steps in a row each minibatch is good for.
func repeats(of any) int {
	if r, ok := of.(repeater); ok {
		return r.Repeats()
	}
	return 1
}
