package synthetic

import (
	"cmp"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/params"
)

// Reading is what recurrent networks read, and how much of it: pieces from anywhere in a text, each from a state of zeros, to tell the
// next letter at each. The loss is the mean cross-entropy in nats.
type Reading struct {
	Text    *opticks.Text // a Chain of the problem's key if nil
	Letters int           // of a chain, 2 to 64; 8 if zero
	Hidden  int           // units; 16 if zero
	Length  int           // letters to tell in a piece; 8 if zero
	Batch   int           // pieces in a minibatch; 16 if zero
}

// filled returns the reading of a key, with every default in its place, checked.
func (r Reading) filled(family string, key uint64) (Reading, error) {
	r.Letters, r.Hidden, r.Length, r.Batch = cmp.Or(r.Letters, 8), cmp.Or(r.Hidden, 16), cmp.Or(r.Length, 8), cmp.Or(r.Batch, 16)
	if err := check(family, size{"Hidden", r.Hidden}, size{"a Length", r.Length}, size{"a Batch", r.Batch}); err != nil {
		return r, err
	}
	if r.Text == nil {
		if r.Letters < 2 || r.Letters > maxLetters {
			return r, fmt.Errorf("synthetic: %s: %d Letters; want 2 to %d", family, r.Letters, maxLetters)
		}
		r.Text = Chain(r.Letters, key)
	}
	if n := len(r.Text.Codes); n <= r.Length {
		return r, fmt.Errorf("synthetic: %s: a text of %d letters; want more than Length, %d", family, n, r.Length)
	}
	return r, nil
}

// LSTMOf is an LSTM that reads: suite.CharLSTMOf on other texts.
type LSTMOf[F params.Float] struct{ Reading }

// LSTM is LSTMOf in use.
type LSTM = LSTMOf[float32]

var _ inner.Family = LSTM{}

// Sample returns the problem named by key. Fields out of their ranges are errors.
func (f LSTMOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	r, err := f.filled("LSTM", key)
	if err != nil {
		return nil, err
	}
	of, err := suite.CharLSTMOf[F]{Train: r.Text, Test: r.Text, Hidden: r.Hidden, Length: r.Length, Batch: r.Batch}.Sample(key)
	if err != nil {
		return nil, err
	}
	return Untested(of, r.Batch*r.Length*(12*r.Hidden+2*len(r.Text.Alphabet))), nil
}

// Untested hides what a problem knows but its loss and gradient, such as a loss on examples held out where there are none. numbers is
// how many it has in memory beside weights and gradients, for inner.Sized.
func Untested[F params.Float](p inner.ProblemOf[F], numbers int) inner.ProblemOf[F] {
	return untested[F]{p, numbers}
}

type untested[F params.Float] struct {
	inner.ProblemOf[F]
	numbers int
}

// Bytes implements inner.Sized.
func (u untested[F]) Bytes() float64 { return 8 * float64(u.numbers) }
