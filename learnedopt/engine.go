package learnedopt

import (
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/seed1498fded/unroll/params"
)

// An engine is a rule bound to a number of coordinates, in one of two forms: a graph of one step, cut into blocks
// (graphEngine), or kernels (lstmEngine, vectorEngine). Compiled checks the arguments, an engine computes.
type engine[F params.Float] interface {
	step(step, next []F, p Point[F]) error
	pullback(d Cotangents[F], p Point[F]) error
}

// A windowEngine can carry a whole window back at once.
type windowEngine[F params.Float] interface {
	engine[F]
	pullbackWindow(w Window[F]) error
}

// A mover adds the step to the weights itself, so that a step as large as they are need not go through memory.
type mover interface {
	// move adds the step from p, where p.Theta is theta, and computes the next state, which may be p.State itself.
	move(theta, next []float32, p Point[float32]) error
}

// maxGroups bounds the partial sums of d(phi) that a pullback keeps. The groups are the same whatever the number of
// goroutines, and so is the order in which they are summed: that makes the result the same to the bit.
const maxGroups = 16

// A block is a range of coordinates.
type block struct{ from, to int }

// dealing is how the blocks of a problem are dealt out: in order, into groups, each to be done by one worker.
type dealing[F params.Float] struct {
	groups [][]block
	sums   [][]F // each group's share of d(phi)
	errs   []error
	busy   sync.WaitGroup
	run    func(worker, group int) error // what each is about
	others []func()                      // workers 1, 2, ...: made once, for a go statement with arguments allocates
}

// deal cuts n coordinates into blocks of at most width.
func deal[F params.Float](n, width, phi int) *dealing[F] {
	var blocks []block
	for from := 0; from < n; from += width {
		blocks = append(blocks, block{from, min(from+width, n)})
	}
	d := new(dealing[F])
	for g := range slices.Chunk(blocks, (len(blocks)+maxGroups-1)/maxGroups) {
		d.groups = append(d.groups, g)
		d.sums = append(d.sums, make([]F, phi))
	}
	d.errs = make([]error, min(len(d.groups), runtime.GOMAXPROCS(0)))
	for w := 1; w < d.workers(); w++ {
		d.others = append(d.others, func() {
			defer d.busy.Done()
			d.work(w)
		})
	}
	return d
}

// workers returns how many workers are of use.
func (d *dealing[F]) workers() int { return len(d.errs) }

// each calls f for every group: worker w does the groups w, w+workers, ..., worker 0 on the caller's own goroutine. It
// allocates nothing.
func (d *dealing[F]) each(f func(worker, group int) error) error {
	d.run = f
	d.busy.Add(len(d.others))
	for _, other := range d.others {
		go other()
	}
	d.work(0)
	d.busy.Wait()
	if len(d.errs) == 1 {
		return d.errs[0]
	}
	return errors.Join(d.errs...)
}

// work does worker w's groups, up to the first error.
func (d *dealing[F]) work(w int) {
	d.errs[w] = nil
	for g := w; g < len(d.groups) && d.errs[w] == nil; g += d.workers() {
		d.errs[w] = d.run(w, g)
	}
}

// addTo adds the groups' shares to dphi, in order.
func (d *dealing[F]) addTo(dphi []F) {
	for _, sum := range d.sums {
		for i, v := range sum {
			dphi[i] += v
		}
	}
}

// perCoordinate says whether a tensor of the state of n coordinates has a row for each.
func perCoordinate(s params.Spec, n int) bool { return s.Shape[0] == n }
