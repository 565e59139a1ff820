// Package suite measures optimizers on all problems of a suite (package inner/suite) and says what it comes to over them.
//
// What everything is held against is Adam tuned for each problem: the best of 13 learning rates under each of three schedules,
// constant, linear and cosine, by the mean final training loss over runs of other keys than those that are reported. It is
// called tuned-adam. How much the others are tuned is the [Track]:
//
//	default   not at all: hand-made rules at their own default learning rate
//	single    one setting for all problems, of the same grid as the tuned Adam's
//	tuned     for each problem, an equal number of settings tried, in one order for all
//
// Learned rules, and rules as somebody configured them, have one setting on all tracks: as they are.
//
// A Comparison is measured as a Report, which is tables, a picture, a page and JSON. The fields of the JSON:
//
//	suite, track, seed  as asked for
//	runs, tuning_runs   runs of each result, and of each setting that was tried
//	steps_fraction      how much of the problems' lengths was run
//	trials              on track tuned: settings tried
//	problems            one for each problem, see below
//	aggregate           one for each optimizer, see below
//
// Of each problem name, number (those that share one count once), steps, batch (0: all there is), floor (added to losses before
// ratios are taken), target (the tuned Adam's final training loss) and results, of each of which:
//
//	name, kind        kind is "learned", "baseline", "configured", or "reference" for the tuned Adam
//	hyper             the optimizer's configuration
//	setting           what was chosen of what was tried; left out for what was not tuned
//	lr_at_edge        true if the learning rate that was chosen is at the end of its grid
//	train             mean and stderr over runs of the final training loss: the mean of a run's last losses, as many as the problem says
//	test              mean and stderr of the loss on what is held out, at the end
//	ratio             of the mean final training loss to the tuned Adam's
//	test_ratio        of the mean test loss likewise
//	diverged          runs with a loss that is not finite, or that end at one
//	us_per_step       median time of a step in µs, gradient included, one run at a time
//	steps_to_target   minibatches seen until the smoothed loss is below the target, or within a thousandth of it; null if it never is
//	seconds_to_target the same in seconds, by us_per_step
//	state_bytes       what the optimizer remembers, weights not counted, at 4 bytes a number
//	finals, tests     the final training loss and the test loss of each run
//	curve             the smoothed loss: the numbers of minibatches seen, in steps, and the loss after each, in loss
//
// The smoothed loss at a step is the mean over runs of the mean of each run's last losses up to there, as many as make its
// final loss, so that the smoothed loss at the end is the mean final training loss and the tuned Adam comes to its target at
// the latest there.
//
// Of each optimizer, over problems, where those that share a number count once, by the geometric mean of their ratios:
//
//	name              the optimizer's
//	iqm_ratio         value, low and high: the interquartile mean of the ratios and its 95 % bootstrap interval, for which the runs of each
//	                  problem are drawn again, the optimizer's and the tuned Adam's of the same keys together
//	iqm_test_ratio    the same of test losses
//	wins              by the name of the other, how often its ratio was lower than the other's
//	improvement       by the name of the other, the probability that a run of it ends lower than one of the other, mean over problems
//	worst_ratio       the largest ratio, and worst_problem where it is
//	median_time_ratio median of the seconds to the target over the tuned Adam's own
//	diverged          runs over all problems
//	ratios            problem, ratio and test_ratio: what the above is of
//
// Numbers that are not finite are null. Everything but the times follows from the seed, on any number of goroutines.
// Interquartile mean, stratified bootstrap, performance profiles and probability of improvement are as in Agarwal et al. 2021
// (arXiv:2108.13264), the mean over problems in place of over all runs.
package suite
