package rule

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/seed1498fded/unroll/params"
)

// A Binding is what a rule is applied to: the weights of a number of runs that go on side by side, each with its own state,
// all with the same phi. Vectors of weights and gradients hold the runs one after another.
type Binding struct {
	Theta  params.Layout // of one run
	Copies int           // runs side by side, 1 or more
	Senses params.Layout // what one run shows to its synapses; see params.Sense. Empty where there is nothing
}

// Run returns the number of coordinates of one run.
func (b Binding) Run() int { return b.Theta.Len() }

// Coordinates returns the number of coordinates of all runs.
func (b Binding) Coordinates() int { return b.Copies * b.Theta.Len() }

// copyName leads the names of what each of several runs has with the run's number.
func (b Binding) copyName(i int, name string) string {
	if b.Copies == 1 {
		return name
	}
	return strconv.Itoa(i) + "/" + name
}

// A StateLayout says where a bound rule's memory lies in one flat vector: the per-coordinate rows, each name's for all
// coordinates of all runs; then what tensors own, run by run and tensor by tensor; then what is shared, in scope Whole once
// for each run, else once.
type StateLayout struct {
	Flat   params.Layout
	Rows   []int   // where each per-coordinate name begins
	Tensor [][]int // for each run and tensor, where what it owns begins; nil if tensors own nothing
	Shared []int   // where each run's shared state begins; all the same but in scope Whole
}

// Layout lays out the state of a rule that is bound to weights. Names that clash are an error.
func (s Spec) Layout(b Binding) (StateLayout, error) {
	if s.Scope == Coordinates && s.State.PerTensor != nil {
		return StateLayout{}, errors.New("a rule of scope coordinates has state a tensor, but sees no tensors")
	}
	if b.Copies > params.MaxLen/max(1, b.Run()) {
		return StateLayout{}, fmt.Errorf("%d copies of %d weights; want at most %d weights in all", b.Copies, b.Run(), params.MaxLen)
	}
	var l StateLayout
	var err error
	at := 0
	add := func(spec params.Spec) {
		if err == nil {
			err = params.Layout{spec}.Validate() // its length is known then
		}
		if err == nil {
			l.Flat = append(l.Flat, spec)
			at += spec.Len()
		}
	}
	for _, r := range s.State.PerCoordinate {
		if r.Name == "" || r.Width < 0 {
			return l, fmt.Errorf("a state %q of width %d a coordinate; want a name and a width of 0 or more", r.Name, r.Width)
		}
		l.Rows = append(l.Rows, at)
		shape := []int{b.Coordinates()}
		if r.Width > 0 {
			shape = append(shape, r.Width)
		}
		add(params.Spec{Name: r.Name, Shape: shape})
	}
	if s.State.PerTensor != nil {
		for i := range b.Copies {
			offsets := make([]int, len(b.Theta))
			for k, tensor := range b.Theta {
				offsets[k] = at
				for _, spec := range s.State.PerTensor(tensor) {
					add(params.Spec{Name: b.copyName(i, tensor.Name+"."+spec.Name), Shape: spec.Shape})
				}
			}
			l.Tensor = append(l.Tensor, offsets)
		}
	}
	for i := range b.Copies {
		if i > 0 && s.Scope != Whole {
			l.Shared = append(l.Shared, l.Shared[0])
			continue
		}
		l.Shared = append(l.Shared, at)
		for _, spec := range s.State.Shared {
			name := spec.Name
			if s.Scope == Whole {
				name = b.copyName(i, name)
			}
			add(params.Spec{Name: name, Shape: spec.Shape})
		}
	}
	if err != nil {
		return l, err
	}
	return l, l.Flat.Validate()
}
