package handmade_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// Whatever learning rate a rule is given is where phi starts, as its logarithm.
func TestRatesArePutIntoPhi(t *testing.T) {
	for _, r := range []learnedopt.Rule{
		&handmade.SGD{LR: 0.25}, &handmade.Momentum{LR: 0.25}, &handmade.NAG{LR: 0.25}, &handmade.RMSprop{LR: 0.25}, &handmade.Adam{LR: 0.25},
		&handmade.AdamW{Adam: handmade.Adam{LR: 0.25}}, &handmade.Lion{LR: 0.25}, &handmade.Adafactor{LR: 0.25}, &handmade.RAdam{LR: 0.25},
		&handmade.NAdam{LR: 0.25}, &handmade.Yogi{LR: 0.25}, &handmade.AdaBelief{LR: 0.25}, &handmade.LAMB{LR: 0.25},
		&handmade.ScheduleFree{LR: 0.25}, &handmade.Muon{LR: 0.25}, &handmade.DoG{LR: 0.25}, &handmade.DoWG{LR: 0.25}, &handmade.Prodigy{LR: 0.25},
	} {
		layout := r.Spec().Phi
		i := layout.Index("log_lr")
		require.GreaterOrEqual(t, i, 0, r.Name())
		require.InDelta(t, math.Log(0.25), learnedopt.Phi(r, 1)[layout[:i].Len()], 1e-6, r.Name())
	}
}
