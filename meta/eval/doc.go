// Package eval compares rules: on the same problems, from the same starts, over the same minibatches, with every baseline's
// learning rate tuned on other ones; by steps, or by epochs under several credit rules.
//
// A Comparison is measured as a Report, which is a table, a picture and JSON. The fields of the JSON, of which what was not
// measured is left out:
//
//	results           one for each credit rule and optimizer, see below
//	problem           its name
//	layers            by epochs: inputs, hidden units, outputs of the network
//	activation        by epochs: of the hidden layers; empty without any
//	objective         by epochs: what is minimised
//	batch             by epochs: images in a minibatch
//	train_images      by epochs: how many there are
//	test_images       by epochs: how many there are
//	steps             updates a run
//	epochs            or passes over all training images a run
//	runs              runs of each result
//	seed              of all randomness; by epochs that of the first run
//	tuned             whether the learning rates of baselines were tuned
//	schedules         what baselines were tuned over besides the learning rate
//	credits           name and hyper of the credit rules, the fields of hyper without those that are at their default
//
// Of each result:
//
//	credit            the rule whose signal the optimizer saw; left out for the gradient itself
//	name              the optimizer's
//	kind              "learned", "baseline", or "configured" for a rule that is measured as somebody configured it
//	hyper             the optimizer's configuration; a baseline's with its learning rate
//	schedule          of a baseline that was tuned over schedules, the best
//	curve             mean loss at each step, or of each epoch the mean over its minibatches
//	curve_stderr      its standard error
//	final             mean and stderr of the mean of a run's last 5 losses, or of the loss of its last epoch
//	sum               by steps: mean and stderr of the sum of a run's losses
//	solved            mean and stderr of the fraction of runs that solve their task, of problems that know
//	reward            mean and stderr of the reward of a run, likewise
//	transfer          either of the two on tasks of another kind, where the problem has such
//	measures          mean and stderr of all else that the problem says of a run at its end, by name
//	diverged          runs with a loss that is not finite; by epochs also those with such a weight
//	test_error        by epochs: after each one, the fraction of test images given another class than their label
//	test_error_stderr its standard error
//	angle_deg         by epochs: at the end, the angle of signal to gradient, for each hidden layer from the top down
//	norm_ratio        by epochs: of the length of the signal to that of the gradient
//	us_per_step       by steps: median time of a step in µs, gradient included, one run at a time
//	seconds           by epochs: mean time of training, without that of testing
//	lr_at_edge        true if the tuned learning rate is at the end of its grid
//	each              by epochs: every run's own seed, loss, test_error, angle_deg, norm_ratio and seconds
//
// Numbers that are not finite are null: losses of runs that diverged, and angles of signals that are zero.
package eval
