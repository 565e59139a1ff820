// Package searchtest holds the laws that every search.Search obeys. A package that defines one runs them in one line:
//
//	func TestMySearch(t *testing.T) { searchtest.Run(t, Subject{Method: MyMethod{}, Start: []float64{1, 2, 3}}) }
package searchtest

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta/search"
)

// Subject is a method under test.
type Subject struct {
	Method search.Method
	Start  []float64

	// Loss is what the searches are run on; the squared length if nil.
	Loss func(x []float64) float64

	// Within is a number of candidates after which the best has a loss of at most Below; no such test if zero.
	Within int
	Below  float64
}

// Run checks the laws.
func Run(t *testing.T, s Subject) {
	if s.Loss == nil {
		s.Loss = Sphere
	}
	t.Run("Begin", s.begin)
	t.Run("Key", s.key)
	t.Run("Ask", s.ask)
	t.Run("Best", s.best)
	t.Run("Resume", s.resume)
	t.Run("NotFinite", s.notFinite)
	t.Run("WrongNumber", s.wrongNumber)
	t.Run("Foreign", s.foreign)
	if s.Within > 0 {
		t.Run("Converges", s.converges)
	}
}

// Sphere is the squared length.
func Sphere(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}

func (s Subject) new(t *testing.T, key uint64) search.Search {
	t.Helper()
	made, err := s.Method.New(slices.Clone(s.Start), key)
	require.NoError(t, err)
	return made
}

// step lets a search live through a generation, and returns a copy of its candidates.
func (s Subject) step(t *testing.T, of search.Search) (candidates [][]float64) {
	t.Helper()
	var losses []float64
	for _, x := range of.Ask() {
		candidates = append(candidates, slices.Clone(x))
		losses = append(losses, s.Loss(x))
	}
	require.NoError(t, of.Tell(losses))
	return candidates
}

// A search begins at its start, and has its own copy of it.
func (s Subject) begin(t *testing.T) {
	start := slices.Clone(s.Start)
	of, err := s.Method.New(start, 1)
	require.NoError(t, err)
	require.Equal(t, len(start), of.Len())
	require.Zero(t, of.Generation())
	require.InDeltaSlice(t, s.Start, of.Current(), 1e-12)
	x, loss := of.Best()
	require.Equal(t, s.Start, x)
	require.True(t, math.IsInf(loss, 1))
	start[0]++
	other := s.new(t, 1)
	for range 3 {
		require.Equal(t, s.step(t, other), s.step(t, of), "the caller's start was kept")
	}

	_, err = s.Method.New(nil, 1)
	require.ErrorContains(t, err, "a start of no numbers")
	start[0] = math.NaN()
	_, err = s.Method.New(start, 1)
	require.ErrorContains(t, err, "number 0 of the start is NaN")
}

// Equal keys give equal candidates, others give others.
func (s Subject) key(t *testing.T) {
	a, b, c := s.new(t, 3), s.new(t, 3), s.new(t, 4)
	for range 5 {
		first := s.step(t, a)
		require.Equal(t, first, s.step(t, b))
		require.NotEqual(t, first, s.step(t, c))
	}
	require.Equal(t, a.Current(), b.Current())
}

// Ask is the same until Tell, and the next generation is another; Tell needs no Ask before it.
func (s Subject) ask(t *testing.T) {
	of, silent := s.new(t, 5), s.new(t, 5)
	var before [][]float64
	for i := range 4 {
		require.Equal(t, i, of.Generation())
		first := copies(of.Ask())
		require.Equal(t, first, of.Ask())
		require.NotEqual(t, before, first)
		before = first
		losses := make([]float64, len(first))
		for k, x := range first {
			require.Len(t, x, of.Len())
			losses[k] = s.Loss(x)
		}
		require.NoError(t, of.Tell(losses))
		require.NoError(t, silent.Tell(losses))
	}
	require.Equal(t, of.Ask(), silent.Ask())
}

// The best is the best of all candidates there were.
func (s Subject) best(t *testing.T) {
	of := s.new(t, 6)
	lowest := math.Inf(1)
	var where []float64
	for range 20 {
		for _, x := range s.step(t, of) {
			if loss := s.Loss(x); loss < lowest {
				lowest, where = loss, x
			}
		}
		x, loss := of.Best()
		require.Equal(t, lowest, loss)
		require.Equal(t, where, x)
	}
}

// A search that is saved and loaded, through the bytes of a file, goes on to the bit; it may be saved before it is told.
func (s Subject) resume(t *testing.T) {
	of := s.new(t, 7)
	for generation := range 12 {
		f := &checkpoints.File{Kind: "test"}
		require.NoError(t, of.Save(f, "a.b."))
		s.step(t, of) // which changes nothing of the file
		var b bytes.Buffer
		require.NoError(t, f.Write(&b))
		f, err := checkpoints.Read(&b, "test")
		require.NoError(t, err)
		resumed := s.new(t, 7)
		s.step(t, resumed)
		require.NoError(t, resumed.Load(f, "a.b."))
		require.Equal(t, generation, resumed.Generation())
		s.step(t, resumed)
		require.Equal(t, of.Current(), resumed.Current())
		require.Equal(t, copies(of.Ask()), resumed.Ask())
		x, loss := of.Best()
		y, same := resumed.Best()
		require.Equal(t, x, y)
		require.Equal(t, loss, same)
	}
}

// Losses that are not finite are the worst, and no harm: all that follows stays finite, and nothing of them is the best.
func (s Subject) notFinite(t *testing.T) {
	of := s.new(t, 8)
	for generation := range uint64(30) {
		r := rng.New(generation)
		var losses []float64
		for _, x := range of.Ask() {
			loss := s.Loss(x)
			switch {
			case generation%10 == 3, r.Float64() < 0.9 && generation%10 > 6: // all, most
				loss = []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(3)]
			case r.Float64() < 0.3:
				loss = math.NaN()
			}
			losses = append(losses, loss)
		}
		require.NoError(t, of.Tell(losses))
		_, best := of.Best()
		require.False(t, math.IsNaN(best) || math.IsInf(best, -1))
		for _, x := range append(of.Ask(), of.Current()) {
			for _, v := range x {
				require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
			}
		}
	}
	_, best := of.Best()
	require.LessOrEqual(t, best, s.Loss(s.Start))

	// Infinite and undefined are the same.
	a, b := s.new(t, 9), s.new(t, 9)
	for range 4 {
		var with, without []float64
		for i, x := range a.Ask() {
			with, without = append(with, s.Loss(x)), append(without, s.Loss(x))
			if i%3 == 0 {
				with[i], without[i] = math.Inf(1), math.NaN()
			}
		}
		require.NoError(t, a.Tell(with))
		require.NoError(t, b.Tell(without))
		require.Equal(t, a.Ask(), b.Ask())
	}
}

// A wrong number of losses is an error that changes nothing.
func (s Subject) wrongNumber(t *testing.T) {
	of, other := s.new(t, 10), s.new(t, 10)
	n := len(of.Ask())
	for _, losses := range [][]float64{nil, make([]float64, n-1), make([]float64, n+1)} {
		require.ErrorContains(t, of.Tell(losses), "losses for")
	}
	require.Zero(t, of.Generation())
	require.Equal(t, s.step(t, other), s.step(t, of))
}

// What is no save of such a search is an error.
func (s Subject) foreign(t *testing.T) {
	of := s.new(t, 11)
	require.ErrorContains(t, of.Load(&checkpoints.File{}, "x."), `no entry "x.generation"`)
	f := &checkpoints.File{Meta: map[string]string{"x.generation": "-1"}}
	require.ErrorContains(t, of.Load(f, "x."), "want a number of generations")
	f.Meta["x.generation"] = "1"
	require.ErrorContains(t, of.Load(f, "x."), "no tensor")
	require.Zero(t, of.Generation())
}

func (s Subject) converges(t *testing.T) {
	for key := range uint64(3) {
		of := s.new(t, 20+key)
		for n := 0; n < s.Within; n += len(of.Ask()) {
			s.step(t, of)
		}
		_, loss := of.Best()
		require.LessOrEqual(t, loss, s.Below, "key %d", 20+key)
		require.Less(t, s.Loss(of.Current()), s.Loss(s.Start)/2+s.Below)
	}
}

func copies(of [][]float64) [][]float64 {
	list := make([][]float64, len(of))
	for i, x := range of {
		list[i] = slices.Clone(x)
	}
	return list
}
