package learnedopt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// A rule that does not read the weights is not made to carry a copy of them, unless they are to decay.
func TestGuardKeepsWeightsForThoseWhoReadThem(t *testing.T) {
	for _, c := range []struct {
		rule  Rule
		opts  []Option
		keeps bool
	}{
		{&handmade.SGD{}, nil, false},
		{&handmade.Adam{}, []Option{WithClip(1), Sparse()}, false},
		{&handmade.SGD{}, []Option{WithWeightDecay(0)}, false},
		{&handmade.SGD{}, []Option{WithWeightDecay(0.1)}, true},
		{&handmade.AdamW{}, nil, true},
	} {
		o, err := (&Trained{Rule: c.rule, Phi: Phi(c.rule, 1)}).New(flatLayout(3), c.opts...)
		require.NoError(t, err)
		require.Equal(t, c.keeps, o.guard.theta != nil, "%s, %d options", c.rule.Name(), len(c.opts))
	}
}

func TestPlace(t *testing.T) {
	l := params.Layout{{Name: "w", Shape: []int{2, 3, 4}}, {Name: "b", Shape: []int{1}}}
	for i, want := range map[int]string{0: `"w" [0 0 0]`, 7: `"w" [0 1 3]`, 23: `"w" [1 2 3]`, 24: `"b" [0]`} {
		require.Equal(t, want, placeIn(l, i))
	}
}
