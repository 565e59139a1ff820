package catalog

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// lives are the problems of package plastic by name.
func lives[F params.Float](l listing, o Options) (inner.FamilyOf[F], error) {
	switch l.name {
	case "boolean":
		return booleans[F](l, o, 2)
	case "boolean3":
		return booleans[F](l, o, 3)
	case "conditioning":
		return sampled[F](plastic.ConditioningOf[F]{})
	case "association":
		return sampled[F](plastic.AssociationOf[F]{})
	case "association8":
		return sampled[F](plastic.AssociationOf[F]{Stimuli: 8, Trials: 120})
	case "foraging":
		return sampled[F](plastic.ForagingOf[F]{})
	}
	rule, err := credit.Named[F](o.credit(), o.CreditConfig)
	if err != nil {
		return nil, err
	}
	return sampled[F](plastic.XOROf[F]{Rule: rule})
}

// sampled returns a family that has been seen to have problems.
func sampled[F params.Float](f inner.FamilyOf[F]) (inner.FamilyOf[F], error) {
	if _, err := f.Sample(0); err != nil {
		return nil, err
	}
	return f, nil
}

// booleans returns the functions of a split.
func booleans[F params.Float](l listing, o Options, inputs int) (inner.FamilyOf[F], error) {
	all := plastic.Separable(inputs)
	learned, others := l.choose(o)
	chosen := learned
	switch {
	case o.Split == Test && inputs == 3:
		return sampled[F](plastic.BooleanOf[F]{Inputs: inputs})
	case o.Split == Test && len(others) > 0:
		chosen = others
	}
	f := plastic.BooleanOf[F]{Inputs: inputs}
	for _, i := range chosen {
		f.Functions = append(f.Functions, all[i])
	}
	return sampled[F](f)
}

// choose returns the numbers of the tasks to learn on, and those of the others.
func (l listing) choose(o Options) (learned, others []int) {
	k := o.Tasks
	if k == 0 {
		k = l.usual
	}
	order := rng.New(o.TaskSeed).Perm(l.tasks)
	return order[:k], order[k:]
}

// checkTasks reports a number of tasks that there are not.
func (l listing) checkTasks(o Options) error {
	switch {
	case l.tasks > 0 && (o.Tasks < 0 || o.Tasks > l.tasks):
		return fmt.Errorf("%d tasks to learn on; want 1..%d", o.Tasks, l.tasks)
	case o.Tasks < 0: // a program's own problem knows how many it has
		return fmt.Errorf("%d tasks to learn on; want 1 or more", o.Tasks)
	}
	return nil
}

// Life returns the number of steps of a run of a problem whose runs are lives of a natural length, see inner.Lived; 0 for all
// others. What is wrong with the options is an error.
func Life(name string, o Options) (int, error) {
	if l, err := find(name); err == nil && l.images {
		return 0, nil // and nothing need be read to know
	}
	f, err := Lookup(name, o)
	if err != nil {
		return 0, err
	}
	p, err := f.Sample(0)
	if err != nil {
		return 0, err
	}
	if l, ok := p.(inner.Lived); ok {
		return l.Life(), nil
	}
	return 0, nil
}

// HasTasks reports whether a problem has tasks to choose among, see Options.Tasks.
func HasTasks(name string) bool {
	l, err := find(name)
	return err == nil && l.takes("tasks")
}

// Transfer returns the name of the problem that tells how far what was learned on another reaches, of the same kind but larger:
// all functions of three inputs for those of two, and eight stimuli for four. It is empty for problems that have none.
func Transfer(name string) string {
	return map[string]string{"boolean": "boolean3", "association": "association8"}[name]
}
