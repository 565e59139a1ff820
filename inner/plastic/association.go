package plastic

import (
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// AssociationOf is a creature that must find out, by reward alone, which action each stimulus calls for. Every life has a map
// from stimuli to actions of its own, drawn uniformly, and nothing but the weights lasts from one trial to the next. It is a
// task of ours, for the claim of Orchard and Wang (The evolution of a generalized neural learning rule, 2016) that reward can be
// merely one more input of a rule. Weights that stay, and rules that see no reward, are at chance, 1/Actions, by symmetry.
//
// The weights are one tensor, w [Stimuli, Actions]. In a trial, which is a step, one stimulus comes, drawn uniformly by the key
// of the step, and the action with the largest score s + Noise·ξ is taken, s the stimulus's row of w and ξ ~ N(0, 1). The reward
// is 1 if the action is the right one, else −1, and is felt in the same step. Synapses feel pre.w [1, Stimuli], the stimulus
// one-hot; as [1, Actions] potential.w (s), post.w (the action one-hot) and mod.w (the reward at the action taken, 0 at others);
// and the reward.
//
// The loss is the fraction of the trials without reward in the second half of the life so far, 1 before that begins; it does not
// depend on theta but through what was lived, and so Eval's gradient is zero. The score "reward" is the fraction with one.
type AssociationOf[F params.Float] struct {
	Stimuli int     // 1..256; 4 if zero
	Actions int     // 2..256; 2 if zero
	Trials  int     // in a life; 60 if zero
	Noise   float64 // standard deviation of the noise on scores, above 0; 0.1 if zero
	Start   float64 // weights start from the uniform distribution on ±Start; 0.1 if zero

	// Shuffle makes the reward that is felt one of chance: that of the action under a map drawn anew for the trial, 1 in one of
	// Actions trials. (Rewards of earlier trials would not do: how well things go lasts from trial to trial, and so they tell of
	// it.) Loss and score still count the true ones. It is a control.
	Shuffle bool
}

// Association is AssociationOf in use.
type Association = AssociationOf[float32]

var _ inner.Family = Association{}

// Sample returns a new creature; its lives differ by the key of Init. It implements inner.SynapticOf, inner.Lived and
// inner.ScoredOf. Settings out of their ranges are errors.
func (f AssociationOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	c := &creature[F]{shuffle: f.Shuffle, draw: rng.New(0)}
	var err error
	if c.stimuli, err = count("association", "Stimuli", f.Stimuli, 4, 1, 256); err != nil {
		return nil, err
	}
	if c.actions, err = count("association", "Actions", f.Actions, 2, 2, 256); err != nil {
		return nil, err
	}
	if c.trials, err = count("association", "Trials", f.Trials, 60, 2, 1<<20); err != nil {
		return nil, err
	}
	if c.noise, err = amount("association", "Noise", f.Noise, 0.1); err != nil {
		return nil, err
	}
	if c.start, err = amount("association", "Start", f.Start, 0.1); err != nil {
		return nil, err
	}
	c.right = make([]int, c.stimuli)
	return c, nil
}

// A creature lives one life after another.
type creature[F params.Float] struct {
	stimuli, actions, trials int
	noise, start             float64
	shuffle                  bool

	right []int // the action that each stimulus calls for
	lived int   // trials so far
	hits  int   // rewards in the second half
	draw  *rng.Stream
}

var (
	_ inner.Synaptic = (*creature[float32])(nil)
	_ inner.Lived    = (*creature[float32])(nil)
	_ inner.Scored   = (*creature[float32])(nil)
)

func (c *creature[F]) Params() params.Layout {
	return params.Layout{{Name: "w", Shape: []int{c.stimuli, c.actions}}}
}

// Init begins a life.
func (c *creature[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, c.stimuli*c.actions)
	c.draw.Reset(rng.Split(key, keyStart))
	for i := range theta {
		theta[i] = F(c.start * (2*c.draw.Float64() - 1))
	}
	c.draw.Reset(rng.Split(key, keyWorld))
	for i := range c.right {
		c.right[i] = c.draw.IntN(c.actions)
	}
	c.lived, c.hits = 0, 0
}

// Life implements inner.Lived.
func (c *creature[F]) Life() int { return c.trials }

// rewarded returns the fraction of trials of the second half so far that had a reward; 0 if there are none.
func (c *creature[F]) rewarded() float64 {
	return float64(c.hits) / float64(max(1, c.lived-c.trials/2))
}

func (c *creature[F]) Eval(grad, theta []F, _ uint64) (float64, error) {
	checkEval(grad, theta, c.stimuli*c.actions)
	if !kernel.Finite(theta) {
		fillNaN(grad)
		return math.NaN(), nil
	}
	clear(grad)
	return 1 - c.rewarded(), nil
}

// Score implements inner.ScoredOf.
func (c *creature[F]) Score(theta []F) (map[string]float64, error) {
	checkLen("theta", theta, c.stimuli*c.actions)
	return map[string]float64{"reward": c.rewarded()}, nil
}

// Senses implements inner.SynapticOf.
func (c *creature[F]) Senses() params.Layout {
	return params.Layout{
		{Name: params.Pre.Of("w"), Shape: []int{1, c.stimuli}},
		{Name: params.Potential.Of("w"), Shape: []int{1, c.actions}},
		{Name: params.Post.Of("w"), Shape: []int{1, c.actions}},
		{Name: params.Mod.Of("w"), Shape: []int{1, c.actions}},
		{Name: params.Reward.Of("w"), Shape: []int{1}},
	}
}

// Sense implements inner.SynapticOf: it lives through one trial. A life has Trials of them; any that follow count as well.
func (c *creature[F]) Sense(dst, theta []F, _ int, key uint64) error {
	checkLen("senses", dst, c.stimuli+3*c.actions+1)
	checkLen("theta", theta, c.stimuli*c.actions)
	c.draw.Reset(key)
	clear(dst)
	stimulus := c.draw.IntN(c.stimuli)
	scores := theta[stimulus*c.actions : (stimulus+1)*c.actions]
	action := c.act(scores)
	reward := F(c.outcome(action == c.right[stimulus]))

	dst[stimulus] = 1
	dst = dst[c.stimuli:]
	dst = dst[copy(dst, scores):]
	dst[action] = 1
	dst[c.actions+action] = reward
	dst[2*c.actions] = reward
	return nil
}

// act takes the action with the largest score, noise included.
func (c *creature[F]) act(scores []F) int {
	best, most := 0, math.Inf(-1)
	for a, s := range scores {
		if v := float64(s) + c.noise*c.draw.NormFloat64(); v > most {
			best, most = a, v
		}
	}
	return best
}

// outcome counts a trial, and returns the reward that is felt.
func (c *creature[F]) outcome(right bool) float64 {
	if right && c.lived >= c.trials/2 {
		c.hits++
	}
	c.lived++
	if c.shuffle {
		right = c.draw.IntN(c.actions) == 0
	}
	if right {
		return 1
	}
	return -1
}
