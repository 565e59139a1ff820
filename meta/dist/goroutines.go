package dist

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// goroutines is a Pool of this process.
type goroutines struct{ evaluators []Evaluator }

// Goroutines returns a Pool of n goroutines of this process, runtime.GOMAXPROCS(0) if n is zero, each with an evaluator of its own.
func Goroutines(n int, newEvaluator func() (Evaluator, error)) (Pool, error) {
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if n < 0 {
		return nil, fmt.Errorf("dist: %d goroutines; want 0 for all processors, or more", n)
	}
	p := new(goroutines)
	for range n {
		e, err := newEvaluator()
		if err != nil {
			return nil, err
		}
		p.evaluators = append(p.evaluators, e)
	}
	return p, nil
}

// Do implements Pool.
func (p *goroutines) Do(ctx context.Context, tasks []Task) ([]Result, error) {
	results := make([]Result, len(tasks))
	group, inner := errgroup.WithContext(ctx)
	var taken atomic.Int64
	for _, e := range p.evaluators {
		group.Go(func() (err error) {
			for i := int(taken.Add(1)) - 1; i < len(tasks) && err == nil; i = int(taken.Add(1)) - 1 {
				results[i], err = e.Evaluate(inner, tasks[i])
			}
			return err
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return results, nil
}
