package engine

import (
	"cmp"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/seed1498fded/unroll/params"
)

// maxGroups bounds the partial sums of d(phi) that a pullback keeps. The groups are the same whatever the number of workers,
// and so is the order in which they are summed: that makes the result the same to the bit.
const maxGroups = 16

// A Block is a range of coordinates, From to before To.
type Block struct{ From, To int }

// Blocks cuts n coordinates into blocks of at most width.
func Blocks(n, width int) []Block {
	var blocks []Block
	for from := 0; from < n; from += width {
		blocks = append(blocks, Block{from, min(from+width, n)})
	}
	return blocks
}

// Len returns the number of coordinates.
func (b Block) Len() int { return b.To - b.From }

// A Schedule shares out pieces of work, in order, as groups, each done by one worker, and always the same one.
type Schedule[P interface{ Len() int }, F params.Float] struct {
	Groups [][]P
	Sums   [][]F // each group's share of a sum over all pieces

	shares [][]int // the groups that each worker does
	errs   []error
	busy   sync.WaitGroup
	run    func(worker, group int) error // what Each is about
	others []func()                      // workers 1, 2, ...: made once, for a go statement with arguments allocates
}

// NewSchedule groups the pieces, with room for sums of so many numbers, for at most so many workers: as many as there are
// processors if that is 0. Each group, from the longest on, goes to the worker that has least to do.
func NewSchedule[F params.Float, P interface{ Len() int }](pieces []P, sum, workers int) *Schedule[P, F] {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	s := new(Schedule[P, F])
	for g := range slices.Chunk(pieces, (len(pieces)+maxGroups-1)/maxGroups) {
		s.Groups = append(s.Groups, g)
		s.Sums = append(s.Sums, make([]F, sum))
	}
	s.shares = share(s.Groups, min(len(s.Groups), workers))
	s.errs = make([]error, len(s.shares))
	for w := 1; w < s.Workers(); w++ {
		s.others = append(s.others, func() {
			defer s.busy.Done()
			s.work(w)
		})
	}
	return s
}

// share deals groups out to workers.
func share[P interface{ Len() int }](groups [][]P, workers int) [][]int {
	long := make([]int, len(groups))
	order := make([]int, len(groups))
	for g, pieces := range groups {
		order[g] = g
		for _, p := range pieces {
			long[g] += p.Len()
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(long[b], long[a]) })
	shares, load := make([][]int, workers), make([]int, workers)
	for _, g := range order {
		w := slices.Index(load, slices.Min(load))
		shares[w] = append(shares[w], g)
		load[w] += long[g]
	}
	return shares
}

// Workers returns how many workers there are.
func (s *Schedule[P, F]) Workers() int { return len(s.errs) }

// Share returns the groups that a worker does.
func (s *Schedule[P, F]) Share(worker int) []int { return s.shares[worker] }

// Each calls f once for every group, worker 0 on the caller's own goroutine. After an error a worker does no more groups.
// Each allocates nothing.
func (s *Schedule[P, F]) Each(f func(worker, group int) error) error {
	s.run = f
	if len(s.others) == 0 {
		s.work(0)
		return s.errs[0]
	}
	s.busy.Add(len(s.others))
	for _, other := range s.others {
		go other()
	}
	s.work(0)
	s.busy.Wait()
	return errors.Join(s.errs...)
}

func (s *Schedule[P, F]) work(w int) {
	s.errs[w] = nil
	for _, g := range s.shares[w] {
		if s.errs[w] = s.run(w, g); s.errs[w] != nil {
			return
		}
	}
}

// AddTo adds the groups' shares to a sum, in order.
func (s *Schedule[P, F]) AddTo(sum []F) {
	for _, share := range s.Sums {
		for i, v := range share {
			sum[i] += v
		}
	}
}
