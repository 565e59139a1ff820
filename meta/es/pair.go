package es

import (
	"math"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// The keys of an estimate's parts are children of its own; each pair has a child of each.
const (
	keyEpisode = iota
	keyLength
	keyPhase
	keyNoise
	keyAgain
)

// counts are what a place carries beside vectors.
type counts struct {
	Key    uint64 `json:"key"`
	Length int    `json:"length"`          // of the episode
	Ends   int    `json:"ends"`            // steps after which it ends, Length but for a pair's first, cut episode
	Step   int    `json:"step"`            // taken so far
	Begun  bool   `json:"begun,omitempty"` // the pair has had an episode
	Live   bool   `json:"live,omitempty"`  // one is under way
	Noise  bool   `json:"noise,omitempty"` // eps is this episode's
	Masked bool   `json:"masked,omitempty"`
	Outer  int    `json:"outer,omitempty"` // estimates before this one, where that matters
	rising
}

// A place is where a pair stands between two windows.
type place[F params.Float] struct {
	counts
	states  [][]F // of the branches
	eps, xi []F   // the perturbation, and the sum of those since the episode began

	failed *failure[F] // what an episode may go on from again; nil if there is nothing
}

func newPlace[F params.Float](branches, state, phi int) *place[F] {
	p := &place[F]{eps: make([]F, phi), xi: make([]F, phi)}
	for range branches {
		p.states = append(p.states, make([]F, state))
	}
	return p
}

func (p *place[F]) set(from *place[F]) {
	p.counts, p.failed = from.counts, from.failed
	for i, s := range from.states {
		p.states[i] = append(p.states[i][:0], s...)
	}
	copy(p.eps, from.eps)
	copy(p.xi, from.xi)
}

// A pair is one pair of branches and what it adds to an estimate.
type pair[F params.Float] struct {
	number   int
	at, next *place[F] // where it stands, and where the estimate that is being made leads to
	tally
}

// A tally is what a pair has seen in one estimate.
type tally struct {
	grad     []float64 // the sum of perturbations times differences
	control  []float64 // with a Control, what that would have it be, less its mean
	counted  int       // differences
	differed float64   // their sum
	loss     float64   // the sum of the losses that they are of, the mean of both branches
	ended    int       // episodes
	steps    int       // of all branches
	episodes uint64    // begun
	broken   bool      // the first was over because of a loss that is not finite
}

func (t *tally) reset() {
	clear(t.grad)
	clear(t.control)
	*t = tally{grad: t.grad, control: t.control}
}

// keyOf returns a pair's child of a part of an estimate's key.
func (p *pair[F]) keyOf(key uint64, part uint64) uint64 {
	return rng.Split(rng.Split(key, part), uint64(p.number))
}

// name gives the pair its next episode. Of its first ever, only a random number of windows is left, unless all go together.
func (p *pair[F]) name(c *ConfigOf[F], key uint64) {
	at := p.next
	at.Key = rng.Split(p.keyOf(key, keyEpisode), p.episodes)
	if c.Pinned != 0 {
		at.Key = c.Pinned
	}
	at.Length = c.Horizon
	if s := c.Shortest; s > 0 {
		lo, hi := math.Log(float64(s)), math.Log(float64(c.Horizon+1))
		u := rng.New(rng.Split(p.keyOf(key, keyLength), p.episodes)).Float64()
		at.Length = min(c.Horizon, int(math.Exp(lo+u*(hi-lo))))
	}
	at.Ends = at.Length
	if !at.Begun && !c.Together && c.Method != Full {
		windows := (at.Length + c.Window - 1) / c.Window
		at.Ends = min(at.Length, c.Window*(1+rng.New(p.keyOf(key, keyPhase)).IntN(windows)))
	}
	at.Step, at.Begun, at.Live, at.Masked = 0, true, true, false
	p.episodes++
}

// end ends the episode.
func (p *pair[F]) end() {
	p.next.Live, p.next.Noise = false, false
	p.ended++
}
