package meta

import (
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/params"
)

// Sample returns the problems that Begin would sample for a key, one for each run, for BeginOn and ResumeOn. The trajectory stays where it is.
func (t *Trajectory[F]) Sample(f inner.FamilyOf[F], key uint64) ([]inner.ProblemOf[F], error) {
	defer func(old uint64) { t.key = old }(t.key)
	t.key = key
	problems := make([]inner.ProblemOf[F], len(t.runs))
	for i := range problems {
		p, err := t.sample(f, i)
		if err != nil {
			return nil, err
		}
		problems[i] = p
	}
	return problems, nil
}

// BeginOn is Begin on problems that Sample returned for the key. The horizon is the number of steps that the runs will have in
// all, for rules that read it; 0 if nobody knows.
func (t *Trajectory[F]) BeginOn(problems []inner.ProblemOf[F], phi []F, key uint64, horizon int) error {
	t.use(problems, key, 0, horizon)
	return t.start(phi)
}

// ResumeOn puts the runs back where Place found them: on problems that Sample returned for the key, after a number of steps, and
// evaluated as they were, but for MetaLosses that SetMetaLoss sets: those come with the next Evaluate. It is not for problems with a world of their own, which does not go back.
func (t *Trajectory[F]) ResumeOn(problems []inner.ProblemOf[F], place []F, key uint64, steps, horizon int) {
	t.use(problems, key, steps, horizon)
	for _, part := range t.parts() {
		place = place[copy(part, place):]
	}
	for i, f := range t.losses {
		t.Losses[i] = float64(f)
	}
	if t.score != nil {
		clear(t.MetaLosses)
	}
}

func (t *Trajectory[F]) use(problems []inner.ProblemOf[F], key uint64, steps, horizon int) {
	t.key, t.steps, t.horizon = key, steps, horizon
	for i, p := range problems {
		t.set(i, p)
	}
}

// Place writes where the runs are: everything that the steps from here on depend on, but for problems, key and number of steps.
// dst is laid out by PlaceLayout.
func (t *Trajectory[F]) Place(dst []F) {
	for _, part := range t.parts() {
		dst = dst[copy(dst, part):]
	}
}

// PlaceLayout lays out what Place writes: the weights, the rule's memory, and the gradient, losses and senses that the next step
// will see. It is known once the runs have problems.
func (t *Trajectory[F]) PlaceLayout() params.Layout {
	var l params.Layout
	for i, name := range []string{"theta", "state", "grad", "losses", "senses"} {
		if n := len(t.parts()[i]); n > 0 {
			l = append(l, params.Spec{Name: name, Shape: []int{n}})
		}
	}
	return l
}

func (t *Trajectory[F]) parts() [5][]F { return [5][]F{t.Theta, t.State, t.Grad, t.losses, t.Senses} }

// Lean reports whether nobody looks at losses and gradients but at the end of a run, so that Sense does for each step before it:
// the objective is Last, and the rule reads neither.
func (t *Trajectory[F]) Lean(o Objective) bool { return lean(o, t.compiled.Reads()) }
