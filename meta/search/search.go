// Package search holds searches that need no gradient: they ask for the losses of candidates, and are told. [Learner] makes a
// meta.Learner of any of them, so that a rule is learned by evolution where it can't be differentiated.
//
//	s, err := search.ES{}.New(start, key)
//	for range 100 {
//		losses := evaluate(s.Ask())
//		err := s.Tell(losses)
//	}
//	x, loss := s.Best()
//
// A method is a struct of settings whose zero value works: [ES], [CMAES], [GA], [Anneal], and [GP] for formulas. All of them
// minimise. What is random in a generation follows from the key and the generation's number, so that a search is saved as
// vectors and a count, and goes on to the bit.
package search

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// A Search looks for a vector of low loss, generation by generation. It is for one goroutine at a time.
type Search interface {
	meta.Resumable

	// Len returns the length of the vectors.
	Len() int

	// Ask returns the candidates of this generation, the same ones until Tell. They are read only, and valid until then.
	Ask() [][]float64

	// Tell takes the candidates' losses, in order, and moves on to the next generation. A loss that is not finite is worse
	// than all others. A wrong number of losses is an error, and changes nothing.
	Tell(losses []float64) error

	// Best returns the candidate of the lowest loss so far and that loss; where the search began and +Inf while there is none.
	// The lowest of many noisy losses is lower than what the candidate would get again. The vector is read only.
	Best() (x []float64, loss float64)

	// Current returns the vector that the search stands for now, as each method says; it is read only, and valid until Tell.
	Current() []float64

	// Generation returns how many generations have been told.
	Generation() int
}

// A Method makes searches. Its settings have their defaults where they are zero; see each method.
type Method interface {
	// New returns a search that begins at start, with the randomness of key. Settings out of range are an error.
	New(start []float64, key uint64) (Search, error)
}

// A core is what all searches have: their place among the generations, the candidates, the best so far, and the numbers that are
// saved, which lie in one vector.
type core struct {
	name       string
	key        uint64
	generation int
	stream     *rng.Stream

	asked []([]float64) // the candidates
	ready bool          // asked holds this generation's

	layout   params.Layout
	state    []float64
	best     []float64 // part of state, as is the next
	bestLoss []float64 // one number
}

// newCore makes room for a search of so many candidates whose own numbers are laid out by parts. It returns where these lie.
func newCore(name string, start []float64, key uint64, candidates int, parts ...params.Spec) (core, [][]float64, error) {
	n := len(start)
	if n == 0 {
		return core{}, nil, fmt.Errorf("search: %s: a start of no numbers; want one or more", name)
	}
	for i, x := range start {
		if !finite(x) {
			return core{}, nil, fmt.Errorf("search: %s: number %d of the start is %v; want finite numbers", name, i, x)
		}
	}
	if err := machine.Fits(coreBytes(n, candidates, parts)); err != nil {
		return core{}, nil, fmt.Errorf("search: %s: %d candidates of %d numbers: %w", name, candidates, n, err)
	}
	c := core{
		name: name, key: key, stream: rng.New(key), asked: rows(make([]float64, candidates*n), n),
		layout: append(params.Layout{{Name: "best", Shape: []int{n}}, {Name: "best_loss", Shape: []int{1}}}, parts...),
	}
	c.state = make([]float64, c.layout.Len())
	split := params.Split(c.layout, c.state)
	c.best, c.bestLoss = split[0], split[1]
	copy(c.best, start)
	c.bestLoss[0] = math.Inf(1)
	return c, split[2:], nil
}

// coreBytes estimates what a search takes: candidates, what they are made of, and numbers of its own.
func coreBytes(n, candidates int, parts []params.Spec) float64 {
	each := 3*float64(n)*machine.Size[float64]() + 3*machine.Size[[]float64]()
	own := 0.0
	for _, p := range parts {
		size := machine.Size[float64]()
		for _, d := range p.Shape {
			size *= float64(d)
		}
		own += size
	}
	return float64(candidates)*each + own
}

// Len implements Search.
func (c *core) Len() int { return len(c.best) }

// Best implements Search.
func (c *core) Best() ([]float64, float64) { return c.best, c.bestLoss[0] }

// Generation implements Search.
func (c *core) Generation() int { return c.generation }

// draw returns the stream of candidate i of this generation.
func (c *core) draw(i int) *rng.Stream {
	c.stream.Reset(rng.Split(rng.Split(c.key, uint64(c.generation)), uint64(i)))
	return c.stream
}

// check reports a wrong number of losses.
func (c *core) check(losses []float64) error {
	if len(losses) != len(c.asked) {
		return fmt.Errorf("search: %s: %d losses for %d candidates", c.name, len(losses), len(c.asked))
	}
	return nil
}

// next notes the best and moves on to the next generation.
func (c *core) next(losses []float64) {
	for i, loss := range losses {
		if finite(loss) && loss < c.bestLoss[0] {
			c.bestLoss[0] = loss
			copy(c.best, c.asked[i])
		}
	}
	c.generation++
	c.ready = false
}

const metaGeneration = "generation"

// Save implements meta.Resumable.
func (c *core) Save(f *checkpoints.File, prefix string) error {
	if f.Meta == nil {
		f.Meta = make(map[string]string)
	}
	f.Meta[prefix+metaGeneration] = strconv.Itoa(c.generation)
	checkpoints.Put(f, prefix, c.layout, slices.Clone(c.state))
	return nil
}

// Load implements meta.Resumable.
func (c *core) Load(f *checkpoints.File, prefix string) error {
	text, have := f.Meta[prefix+metaGeneration]
	if !have {
		return fmt.Errorf("search: %s: no entry %q", c.name, prefix+metaGeneration)
	}
	generation, err := strconv.Atoi(text)
	if err != nil || generation < 0 {
		return fmt.Errorf("search: %s: entry %q is %.20q; want a number of generations", c.name, prefix+metaGeneration, text)
	}
	state, err := checkpoints.Get[float64](f, prefix, c.layout)
	if err != nil {
		return fmt.Errorf("search: %s: %w", c.name, err)
	}
	copy(c.state, state)
	c.generation, c.ready = generation, false
	return nil
}

// rank lists the candidates from the best to the worst, equals in order, and says how many have a finite loss.
func rank(losses []float64) (order []int, sound int) {
	order = make([]int, len(losses))
	for i, loss := range losses {
		order[i] = i
		if finite(loss) {
			sound++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := worst(losses[a]), worst(losses[b]); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return order, sound
}

// worst takes what is not finite for +Inf.
func worst(loss float64) float64 {
	if finite(loss) {
		return loss
	}
	return math.Inf(1)
}

// rows cuts a matrix into its rows.
func rows(v []float64, n int) [][]float64 {
	list := make([][]float64, len(v)/n)
	for i := range list {
		list[i] = v[i*n : (i+1)*n : (i+1)*n]
	}
	return list
}

func finite(x float64) bool { return x-x == 0 }
