package credit

// Pretrained is implemented by assigners whose own weights should settle before their signal is of use. A training loop
// that knows of it begins with that many epochs in which only the own weights move, those from ProblemOf.Own on, by an
// optimizer of their own: one of all weights might move the net's without a gradient, and would remember having done so.
type Pretrained interface {
	// PretrainEpochs returns the number of such epochs, 0 or more.
	PretrainEpochs() int
}

// PretrainEpochs returns what the rule asks for; 0 if it asks for nothing.
func (p *ProblemOf[F]) PretrainEpochs() int {
	if a, ok := p.assigner.(Pretrained); ok {
		return a.PretrainEpochs()
	}
	return 0
}

// pretraining is a setting of that name, embedded by assigners.
type pretraining int

func (n pretraining) PretrainEpochs() int {
	if n == 0 {
		return 1
	}
	return max(0, int(n))
}
