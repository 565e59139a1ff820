package credit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/credit/credittest"
	"github.com/seed1498fded/unroll/params"
)

// exceptions says which rules are not like all others, and why.
var exceptions = map[string]credittest.Options{
	"none": {Silent: true, Weak: true}, // the floor itself

	// Models of the gradient that start as zero, and learn of it from the block above.
	"dni":  {Late: true},
	"cdni": {Late: true},

	// Inference moves one block down a step, and begins again with each minibatch.
	"ipc": {Late: true},

	// No pretraining is a negative number of epochs. What target propagation fails to invert all but drowns its signal; the
	// learned pseudo-inverses of ddtp make large ones.
	"tp":     {Signed: []string{"pretrain"}, Weak: true},
	"dtp":    {Signed: []string{"pretrain"}},
	"dtpdrl": {Signed: []string{"pretrain"}},
	"ddtp":   {Signed: []string{"pretrain"}, Rate: 0.1, OwnRate: 0.02},
}

func TestEveryRule(t *testing.T) {
	for _, name := range credit.Names() {
		t.Run(name+"/float32", func(t *testing.T) { credittest.Run(t, named[float32](t, name), exceptions[name]) })
		t.Run(name+"/float64", func(t *testing.T) { credittest.Run(t, named[float64](t, name), exceptions[name]) })
	}
}

func named[F params.Float](t *testing.T, name string) credit.RuleOf[F] {
	t.Helper()
	r, err := credit.Named[F](name, nil)
	require.NoError(t, err)
	return r
}
