// Package celo holds the rules of Moudgil et al. (2025, arXiv 2501.12670) that were learned in a day and made for tasks that
// they have not seen: a perceptron of each coordinate, or Adam, for the direction, and an LSTM that looks at the whole run for
// the length of its steps. They must know the horizon, and take it for 1 where nobody tells it.
package celo

import "github.com/seed1498fded/unroll/learnedopt/rule"

// All returns one of each rule, with its defaults.
func All() []rule.Rule { return []rule.Rule{new(Celo), new(Adam)} }
