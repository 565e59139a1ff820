package learnedopt

import (
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/params"
)

// An engine is a rule bound to a number of coordinates, in one of two forms: a graph of one step, cut into blocks
// (graphEngine), or a rule's own kernels (lstmEngine). Compiled checks the arguments, an engine computes.
type engine[F params.Float] interface {
	step(step, next []F, p Point[F]) error
	pullback(d Cotangents[F], p Point[F]) error
}

// A windowEngine can carry a whole window back at once.
type windowEngine[F params.Float] interface {
	engine[F]
	pullbackWindow(w Window[F]) error
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
}

// deal cuts n coordinates into blocks of at most width.
func deal[F params.Float](n, width, phi int) dealing[F] {
	var blocks []block
	for from := 0; from < n; from += width {
		blocks = append(blocks, block{from, min(from+width, n)})
	}
	var d dealing[F]
	for g := range slices.Chunk(blocks, (len(blocks)+maxGroups-1)/maxGroups) {
		d.groups = append(d.groups, g)
		d.sums = append(d.sums, make([]F, phi))
	}
	return d
}

// workers returns how many workers are of use.
func (d dealing[F]) workers() int { return min(len(d.groups), runtime.GOMAXPROCS(0)) }

// each calls f for every group, on as many goroutines as there are workers; worker w does the groups w, w+workers, ...
func (d dealing[F]) each(workers int, f func(worker, group int) error) error {
	if workers == 1 {
		for g := range d.groups {
			if err := f(0, g); err != nil {
				return err
			}
		}
		return nil
	}
	var eg errgroup.Group
	for w := range workers {
		eg.Go(func() error {
			for g := w; g < len(d.groups); g += workers {
				if err := f(w, g); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return eg.Wait()
}

// addTo adds the groups' shares to dphi, in order.
func (d dealing[F]) addTo(dphi []F) {
	for _, sum := range d.sums {
		for i, v := range sum {
			dphi[i] += v
		}
	}
}

// perCoordinate says whether a tensor of the state of n coordinates has a row for each.
func perCoordinate(s params.Spec, n int) bool { return s.Shape[0] == n }
