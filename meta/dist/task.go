package dist

import (
	"context"
	"math"

	"github.com/seed1498fded/unroll/meta"
)

// A Task is what a member of an outer step has to do. It is all that the result depends on, beside the settings of the run.
type Task struct {
	Key   uint64
	Phi   []float32 // read only
	State []byte    // what the member carries from its last task; nil at the beginning, and where it carries nothing
}

// A Result is what became of a task.
type Result struct {
	meta.Estimate
	Grad  []float32 // of phi's length; nil if no gradient is estimated
	State []byte    // for the member's next task
}

// An Evaluator makes results of tasks. It is for one goroutine at a time; those of one run must all do the same.
type Evaluator interface {
	// Evaluate returns the result of a task. If ctx ends first, the error is ctx's. Whatever happens, the next task can be evaluated.
	Evaluate(ctx context.Context, t Task) (Result, error)

	// Check reports a result that cannot be one of the task, whatever its numbers. It is for results that come from elsewhere.
	Check(t Task, r Result) error
}

// A Pool has tasks done by whoever can. It is for one goroutine at a time.
type Pool interface {
	// Do returns the results of the tasks, in their order. If ctx ends first, the error is ctx's. The tasks' slices are not changed,
	// and may be kept.
	Do(ctx context.Context, tasks []Task) ([]Result, error)
}

// Finite reports whether loss and gradient are. Where they are not, a gradient may have exploded, or somebody is mistaken.
func (r Result) Finite() bool {
	if !finite(r.Loss) {
		return false
	}
	for _, x := range r.Grad {
		if !finite(float64(x)) {
			return false
		}
	}
	return true
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
