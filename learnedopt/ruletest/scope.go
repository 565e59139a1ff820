package ruletest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// owned returns the state of a bound rule that belongs to some coordinates of a run, to some of its tensors, and what the run
// shares, end to end: the whole state of a rule bound to these alone.
func owned(c *learnedopt.Compiled[float32], state []float32, run int, coordinates []int, tensors []params.Spec, first int) []float32 {
	l, spec := c.StateLayout(), c.Spec()
	var v []float32
	for k, row := range spec.State.PerCoordinate {
		for _, i := range coordinates {
			at := l.Rows[k] + i*row.Len()
			v = append(v, state[at:at+row.Len()]...)
		}
	}
	if spec.State.PerTensor != nil {
		for k, tensor := range tensors {
			at := l.Tensor[run][first+k]
			v = append(v, state[at:at+spec.State.PerTensor(tensor).Len()]...)
		}
	}
	at := l.Shared[run]
	return append(v, state[at:at+spec.State.Shared.Len()]...)
}

func span(from, to int) []int {
	var v []int
	for i := from; i < to; i++ {
		v = append(v, i)
	}
	return v
}

// Runs side by side are runs apart: each steps as it would alone.
func copies(t *testing.T, r subject) {
	const runs = 3
	theta := r.weights(150)
	n := theta.Len()
	many, one := compile[float32](t, r, theta, runs), compile[float32](t, r, theta, 1)
	p := point(t, many, r, 1)
	s := step(t, many, p)
	for run := range runs {
		coordinates := span(run*n, (run+1)*n)
		q := p
		q.Grad, q.Theta, q.Loss = p.Grad[run*n:(run+1)*n], p.Theta[run*n:(run+1)*n], p.Loss[run:run+1]
		q.Senses = felt(many, p.Senses, run, theta)
		q.State = owned(many, p.State, run, coordinates, theta, 0)
		alone := step(t, one, q)
		close(t, alone.step, s.step[run*n:(run+1)*n])
		close(t, alone.next, owned(many, s.next, run, coordinates, theta, 0))
	}
}

// A gradient that is not finite harms no other coordinate, tensor or run than the rule's scope sees together with it.
func isolation(t *testing.T, r subject) {
	const runs = 3
	theta := r.weights(40)
	n := theta.Len()
	c := compile[float64](t, r, theta, runs)
	p := point(t, c, r, 1)
	bad := n + 2*n/5                          // in the second run
	from, to, tensor := n, 2*n, theta[0].Name // what may be harmed
	switch r.Spec().Scope {
	case learnedopt.Coordinates:
		from, to = bad, bad+1
	case learnedopt.Tensor:
		for _, s := range theta {
			tensor = s.Name
			if to = from + s.Len(); bad < to {
				break
			}
			from = to
		}
	}
	want := step(t, c, p).step
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		p.Grad[bad] = x
		spoil(c, p.Senses, 1, tensor, x)
		got := step(t, c, p).step
		require.Equal(t, want[:from], got[:from])
		require.Equal(t, want[to:], got[to:])
	}
}

// Permuting the coordinates permutes the step and the state.
func permutation(t *testing.T, r subject) {
	const n = 600
	c := compile[float32](t, r, r.weights(n), 1)
	p := point(t, c, r, 1)
	perm := rng.New(3).Perm(n)
	q := p
	q.State = permuteState(c, p.State, perm)
	q.Grad, q.Theta = permute(p.Grad, 1, perm), permute(p.Theta, 1, perm)
	s, sq := step(t, c, p), step(t, c, q)
	close(t, permute(s.step, 1, perm), sq.step)
	close(t, permuteState(c, s.next, perm), sq.next)
}

// permute reorders rows of some width.
func permute(v []float32, width int, perm []int) []float32 {
	out := slices.Clone(v)
	for i, j := range perm {
		copy(out[i*width:(i+1)*width], v[j*width:(j+1)*width])
	}
	return out
}

func permuteState(c *learnedopt.Compiled[float32], state []float32, perm []int) []float32 {
	out := slices.Clone(state)
	for k, row := range c.Spec().State.PerCoordinate {
		from := c.StateLayout().Rows[k]
		to := from + len(perm)*row.Len()
		copy(out[from:to], permute(state[from:to], row.Len(), perm))
	}
	return out
}

// A coordinate moves the same in company as alone.
func blocks(t *testing.T, r subject) {
	for _, n := range []int{1, 2, 255, 256, 257, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			many, one := compile[float32](t, r, r.weights(n), 1), compile[float32](t, r, r.weights(1), 1)
			p := point(t, many, r, 1)
			s := step(t, many, p)
			for _, i := range []int{0, n / 2, n - 1} {
				q := p
				q.Grad, q.Theta, q.State = p.Grad[i:i+1], p.Theta[i:i+1], owned(many, p.State, 0, []int{i}, nil, 0)
				close(t, s.step[i:i+1], step(t, one, q).step)
			}
		})
	}
}

// A tensor moves the same in company as alone.
func tensors(t *testing.T, r subject) {
	theta := r.weights(60)
	many := compile[float32](t, r, theta, 1)
	p := point(t, many, r, 1)
	s := step(t, many, p)
	at := 0
	for k, tensor := range theta {
		from, to := at, at+tensor.Len()
		one := compile[float32](t, r, params.Layout{tensor}, 1)
		q := p
		q.Grad, q.Theta = p.Grad[from:to], p.Theta[from:to]
		q.Senses = felt(many, p.Senses, 0, params.Layout{tensor})
		q.State = owned(many, p.State, 0, span(from, to), params.Layout{tensor}, k)
		alone := step(t, one, q)
		close(t, alone.step, s.step[from:to])
		close(t, alone.next, owned(many, s.next, 0, span(from, to), params.Layout{tensor}, k))
		at = to
	}
}
