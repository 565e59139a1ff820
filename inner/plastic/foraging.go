package plastic

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// ForagingOf is an agent that looks for food with a broken sensor, after Orchard and Wang (The evolution of a generalized neural
// learning rule, 2016), scaled down: a smaller arena and shorter lives than theirs, fewer cycles of the brain, a change of the
// weights a move and not a cycle, and an arena, activation and scale of the inputs of our own. Figures measured here are not
// theirs.
//
// The brain has n = 11 neurons, all connected but none with itself: the diagonal of w [n, n] has no effect. With biases b [n]
// and inputs to the first five,
//
//	u = wᵀy + b + input,  y ← tanh u,  Cycles times a move.
//
// The inputs are the two bits of the last action (0 or 1), the angle to the nearest food less the heading, plus an offset that is
// constant for a life, as a fraction of 180° wrapped to ±1; its distance as a fraction of half the arena's diagonal; and 1 if the
// last move found food. The signs of the last two neurons are the next action: 00 rests, 01 turns right, 10 left, and 11 goes
// forward by 1. Food within Reach is eaten, and comes again at a random place.
//
// Synapses feel, of the last cycle of a move, pre, potential and post, of w and of b, and the reward, which is 1 if the move found
// food, else 0. The loss is the fraction of moves so far that found none, 1 before the first; so its mean over lives is 1 less the
// mean food of a move. It does not depend on theta but through what was lived, and Eval's gradient is zero. The scores are
// "food", the pieces of the life, and "reward", pieces a move in its second half.
type ForagingOf[F params.Float] struct {
	Moves  int     // in a life; 300 if zero
	Cycles int     // of the brain, in a move; 1 if zero
	Side   float64 // of the square arena; 20 if zero
	Walls  bool    // walls around it, which stop the agent; else what leaves on one side comes in at the other
	Food   int     // pieces there are at a time, 1..100; 1 if zero
	Turn   float64 // degrees a turn; 30 if zero
	Reach  float64 // 1 if zero

	// The sensor's offset is drawn uniformly from Least to Most times 180°, to either side, for each life: up to 0.8 if both are
	// zero. From 0.9 to 1 is what no agent has met that lived with up to 0.8.
	Least, Most float64

	// Brain holds the weights, w and then b, that every life starts from, for brains found together with the rule that changes
	// them. If nil each life has weights of its own from N(0, Start²).
	Brain []F
	Start float64 // 0.5 if zero
}

// Foraging is ForagingOf in use.
type Foraging = ForagingOf[float32]

var _ inner.Family = Foraging{}

const (
	neurons     = 11
	brainInputs = 5
	brainLen    = neurons*neurons + neurons
)

// Sample returns a new agent; its lives differ by the key of Init. It implements inner.SynapticOf, inner.Lived and
// inner.ScoredOf. Settings out of their ranges are errors.
func (f ForagingOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	a := &agent[F]{brain: f.Brain, draw: rng.New(0)}
	var err error
	note := func(e error) {
		if err == nil {
			err = e
		}
	}
	whole := func(name string, v, otherwise, lo, hi int) int {
		n, e := count("foraging", name, v, otherwise, lo, hi)
		note(e)
		return n
	}
	size := func(name string, v, otherwise float64) float64 {
		x, e := amount("foraging", name, v, otherwise)
		note(e)
		return x
	}
	a.moves = whole("Moves", f.Moves, 300, 2, 1<<20)
	a.cycles = whole("Cycles", f.Cycles, 1, 1, 1000)
	a.arena = arena{side: size("Side", f.Side, 20), walls: f.Walls, reach: size("Reach", f.Reach, 1)}
	a.arena.turn = size("Turn", f.Turn, 30) / 180 * math.Pi
	a.arena.food = make([]point, whole("Food", f.Food, 1, 1, 100))
	a.least, a.most = size("Least", f.Least, 0), size("Most", f.Most, 0)
	if a.least == 0 && a.most == 0 {
		a.most = 0.8
	}
	a.start = size("Start", f.Start, 0.5)
	switch {
	case err != nil:
		return nil, err
	case a.most > 1 || a.least > a.most:
		return nil, fmt.Errorf("plastic: foraging: offsets from Least %v to Most %v; want 0 <= Least <= Most <= 1", a.least, a.most)
	case f.Brain != nil && len(f.Brain) != brainLen:
		return nil, fmt.Errorf("plastic: foraging: a Brain of %d weights; want %d", len(f.Brain), brainLen)
	}
	return a, nil
}

// An agent lives one life after another.
type agent[F params.Float] struct {
	moves, cycles      int
	least, most, start float64
	brain              []F

	arena  arena
	offset float64 // of the sensor, in units of 180°
	y      [neurons]F
	bits   [2]bool // the last action
	lived  int     // moves so far
	food   int     // pieces eaten so far
	late   int     // those of the second half
	draw   *rng.Stream
}

var (
	_ inner.Synaptic = (*agent[float32])(nil)
	_ inner.Lived    = (*agent[float32])(nil)
	_ inner.Scored   = (*agent[float32])(nil)
)

func (a *agent[F]) Params() params.Layout {
	return params.Layout{{Name: "w", Shape: []int{neurons, neurons}}, {Name: "b", Shape: []int{neurons}}}
}

// Init begins a life.
func (a *agent[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, brainLen)
	if copy(theta, a.brain) == 0 {
		a.draw.Reset(rng.Split(key, keyStart))
		for i := range theta {
			theta[i] = F(a.start * a.draw.NormFloat64())
		}
	}
	a.draw.Reset(rng.Split(key, keyWorld)) // and goes on through the life
	a.offset = a.least + a.draw.Float64()*(a.most-a.least)
	if a.draw.IntN(2) == 0 {
		a.offset = -a.offset
	}
	a.arena.begin(a.draw)
	clear(a.y[:])
	a.bits = [2]bool{}
	a.lived, a.food, a.late = 0, 0, 0
}

// Life implements inner.Lived.
func (a *agent[F]) Life() int { return a.moves }

func (a *agent[F]) Eval(grad, theta []F, _ uint64) (float64, error) {
	checkEval(grad, theta, brainLen)
	if !kernel.Finite(theta) {
		fillNaN(grad)
		return math.NaN(), nil
	}
	clear(grad)
	return 1 - float64(a.food)/float64(max(1, a.lived)), nil
}

// Score implements inner.ScoredOf.
func (a *agent[F]) Score(theta []F) (map[string]float64, error) {
	checkLen("theta", theta, brainLen)
	return map[string]float64{
		"food": float64(a.food), "reward": float64(a.late) / float64(max(1, a.lived-a.moves/2)),
	}, nil
}

// Senses implements inner.SynapticOf.
func (a *agent[F]) Senses() params.Layout {
	return params.Layout{
		{Name: params.Pre.Of("w"), Shape: []int{1, neurons}},
		{Name: params.Potential.Of("w"), Shape: []int{1, neurons}},
		{Name: params.Post.Of("w"), Shape: []int{1, neurons}},
		{Name: params.Pre.Of("b"), Shape: []int{1, 1}},
		{Name: params.Potential.Of("b"), Shape: []int{1, neurons}},
		{Name: params.Post.Of("b"), Shape: []int{1, neurons}},
		{Name: params.Reward.Of("w"), Shape: []int{1}},
	}
}

// Sense implements inner.SynapticOf: it makes a move. What happens follows from the key of Init and from the weights; that of
// the step does not matter. A life has Moves of them; any that follow count as well.
func (a *agent[F]) Sense(dst, theta []F, _ int, _ uint64) error {
	checkLen("senses", dst, 5*neurons+2)
	checkLen("theta", theta, brainLen)
	var input [brainInputs]F
	a.look(&input)
	pre, potential, post := dst[:neurons], dst[neurons:2*neurons], dst[2*neurons:3*neurons]
	for range a.cycles {
		copy(pre, a.y[:])
		a.think(potential, theta, &input)
	}
	copy(post, a.y[:])
	ate := a.act()
	dst[3*neurons] = 1
	copy(dst[3*neurons+1:], dst[neurons:3*neurons])
	dst[5*neurons+1] = 0
	if ate {
		dst[5*neurons+1] = 1
	}
	return nil
}

// look fills in what the brain is told.
func (a *agent[F]) look(input *[brainInputs]F) {
	angle, distance := a.arena.nearest()
	for i, bit := range a.bits {
		if bit {
			input[i] = 1
		}
	}
	input[2] = F(wrap(angle/math.Pi+a.offset, 2))
	input[3] = F(distance / (a.arena.side * math.Sqrt2 / 2))
	if a.arena.ate {
		input[4] = 1
	}
}

// think is one cycle of the brain.
func (a *agent[F]) think(u, theta []F, input *[brainInputs]F) {
	n := copy(u, theta[neurons*neurons:])
	for i, x := range input {
		u[i] += x
	}
	for i, y := range a.y {
		row := theta[i*neurons : (i+1)*neurons]
		for j := range row[:n] {
			if j != i {
				u[j] += y * row[j]
			}
		}
	}
	kernel.Tanh(a.y[:], u[:n])
}

// act makes the move that the brain says, counts it, and reports whether it found food.
func (a *agent[F]) act() bool {
	a.bits = [2]bool{a.y[neurons-2] > 0, a.y[neurons-1] > 0}
	ate := a.arena.move(a.bits, a.draw)
	if ate {
		a.food++
		if a.lived >= a.moves/2 {
			a.late++
		}
	}
	a.lived++
	return ate
}
