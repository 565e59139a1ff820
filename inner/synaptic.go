package inner

import "github.com/seed1498fded/unroll/params"

// SynapticOf is implemented by problems whose weights are synapses: they show what a synapse can feel where it is, so that
// plasticity rules, which see more than a gradient or other than one, can be learned on them. Any problem can.
//
// Such a problem's loss is how well a life went so far, whatever the minibatch: that of the whole task at theta, or what a
// living being has met with.
type SynapticOf[F params.Float] interface {
	// Senses lays out what Sense fills, by the names of params.Sense. It need not have all senses, nor all weights.
	Senses() params.Layout

	// Sense overwrites dst with what the synapses feel at theta, at a step of a life, on the minibatch named by key. It is
	// called once before each step, from step 0 on, after Init: a problem with a world of its own may let time pass.
	Sense(dst, theta []F, step int, key uint64) error
}

// SynapticPullbackOf is implemented by synaptic problems whose senses depend on theta in a way that can be differentiated,
// and on nothing else but step and key. Meta-gradients need it; evolution does not.
type SynapticPullbackOf[F params.Float] interface {
	// SensePullback overwrites dTheta with the derivative of <cotangent, senses> with respect to theta.
	SensePullback(dTheta, cotangent, theta []F, step int, key uint64) error
}

// SensesOf lays out what a problem shows to its synapses, nothing if it is not synaptic.
func SensesOf[F params.Float](p ProblemOf[F]) params.Layout {
	if s, ok := p.(SynapticOf[F]); ok {
		return s.Senses()
	}
	return nil
}

// Lived is implemented by problems whose runs have a natural length.
type Lived interface {
	// Life returns the number of steps of a run.
	Life() int
}

// ScoredOf is implemented by problems that know, beside a loss, whether they are solved, or what reward a life has brought.
type ScoredOf[F params.Float] interface {
	// Score returns named measures of a life that has ended at theta, such as "solved", 0 or 1, or "reward".
	Score(theta []F) (map[string]float64, error)
}

// TasksOf is a family of a number of tasks that can be told apart and chosen among. Sample draws one of them.
type TasksOf[F params.Float] interface {
	FamilyOf[F]

	// Tasks returns how many there are, 1 or more.
	Tasks() int

	// Task returns the task of a number below Tasks. What is random in it follows from key.
	Task(number int, key uint64) (ProblemOf[F], error)
}

// The float32 forms are the ones in use.
type (
	Synaptic         = SynapticOf[float32]
	SynapticPullback = SynapticPullbackOf[float32]
	Scored           = ScoredOf[float32]
	Tasks            = TasksOf[float32]
)
