package learnedopt

import (
	"cmp"
	"fmt"
)

// LossCheck is the guard that compares a rule with a fallback, keeps what does better, and takes back what goes wrong; after the
// guarded optimizers of Heaton et al. 2020 (arXiv:2003.01880) and Prémont-Schwarz et al. 2022 (arXiv:2201.12426), with an alarm
// after ELO's. Both see every gradient on the way that is kept. A run goes in turns:
//
//   - A check. From one point the rule takes Steps steps, then the fallback as many from the same point and gradient. The lower
//     loss stays, with its weights, states and gradient; a draw is the fallback's.
//   - The winner goes on alone. The fallback's time is Steps, then twice as many steps each time that it is needed again, up to
//     Longest. The rule's is Steps too, and twice as many up to Longest each time that it kept its promise: to take as much off
//     the loss in it as the fallback's steps did in the check before. With less it is Steps again. Then comes the next check.
//   - The rule fails by losing a check, by ending its time alone higher than it began it, by a gradient, loss or step that is not
//     finite, and by an alarm, a loss that has risen from its lowest by Alarm times its usual change from step to step. All but
//     the first is taken back to where the turn began, the fallback goes on from there, and the rule starts anew beside it.
//
// Who says the loss: Method knows it, an Optimizer is told by StepLoss or asks [WithLoss], a Solver asks WithLoss. It is needed at
// the borders of turns, and every Watch steps while the rule is alone.
//
// What it promises holds for losses that are exact: of all data, or of the same examples each time.
//
//   - A check ends no higher than the fallback's steps from the same point and states, so it descends at least as far as these.
//     With gradient descent at a rate of 1/L as the fallback and a loss whose gradient has the Lipschitz constant L, each check
//     takes at least |∇f|²/2L off the loss, and a turn of the rule's own adds nothing: whatever the rule, gradients go to zero
//     if the loss has a lower bound.
//   - Of a rule that loses every check all that stays is the fallback: after S steps of a run it is, to the bit, where the
//     fallback alone is after S less Steps for every check, and these are at most log₂(S/Steps + 1) + 1 up to the first time
//     alone of Longest, and one more in every 2·Steps + Longest steps from there.
//   - A rule that wins its checks is no higher at each than the fallback would be. In between, its time alone can't raise the
//     loss; where it takes too little off, the next one is short, so that of a rule that wins and then idles 3·Steps steps do at
//     least what Steps of the fallback's do. That a lower place is a worse one to go on from, the loss does not tell.
//
// With the loss of another minibatch at each step all this holds in the mean at best, and the comparison is as noisy as the loss.
// Let WithLoss return that of a fixed sample. Weight decay is in the steps of both, and not in the loss.
//
// A run that is stopped in the middle of a turn stands where nothing has been checked yet: [Optimizer.Finish] and [Solver.Finish]
// go back to the lowest point that is known. (Method always returns the best.) The cost is the arithmetic of both rules at each
// step, the steps that are taken back, no gradients besides, and memory: two copies of the weights (as float64), the gradient
// and the states.
type LossCheck struct {
	Fallback Rule    // with the meta-parameters of its configuration; &handmade.Adam{LR: 0.001} if nil
	Steps    int     // of each in a check, at least 1; 10 if zero
	Longest  int     // time alone, at least Steps; 16·Steps if zero
	Watch    int     // steps from one look of the alarm at the loss to the next, at least 1; 1 if zero
	Alarm    float64 // in usual changes of the loss, above 0; 10 if zero
}

func (c LossCheck) filled() LossCheck {
	c.Fallback = orAdam(c.Fallback)
	c.Steps = cmp.Or(c.Steps, 10)
	c.Longest = cmp.Or(c.Longest, 16*c.Steps)
	c.Watch, c.Alarm = cmp.Or(c.Watch, 1), cmp.Or(c.Alarm, 10)
	return c
}

// String returns the guard's name, see [GuardNamed].
func (c LossCheck) String() string { return "loss-check(" + orAdam(c.Fallback).Name() + ")" }

func (c LossCheck) validate() error {
	f := c.filled()
	switch {
	case f.Steps < 1:
		return fmt.Errorf("the steps of a check are %d, want at least 1", f.Steps)
	case f.Longest < f.Steps:
		return fmt.Errorf("the longest time alone is %d, want at least the steps of a check, %d", f.Longest, f.Steps)
	case f.Watch < 1:
		return fmt.Errorf("the steps between two looks are %d, want at least 1", f.Watch)
	}
	if err := positive("the alarm", f.Alarm); err != nil {
		return err
	}
	return validateFallback(c.Fallback)
}

func (c LossCheck) stand(g *guard) error {
	c = c.filled()
	if err := g.addSecond(c.Fallback, g.rate*g.decay); err != nil {
		return err
	}
	g.race = newRace(c, g)
	return nil
}

// Checks counts what a [LossCheck] has done.
type Checks struct {
	Won, Lost int // checks that the rule has won, and lost
	Undone    int // times that the rule failed otherwise
	TakenBack int // steps that did not count: those of a check's loser, and what was undone
}
