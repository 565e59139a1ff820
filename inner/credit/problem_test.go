package credit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

// What is no name of a rule, or no setting of it, is refused by one line that says so.
func TestNamedRefuses(t *testing.T) {
	_, err := credit.Named[float32]("hebb", nil)
	require.ErrorContains(t, err, `credit: no rule "hebb"; there are backprop, `)
	_, err = credit.Named[float32]("dni", []byte(`{"x":1}`))
	require.ErrorContains(t, err, `credit: dni: settings {"x":1}: json: unknown field "x"`)
}

// Memory is estimated from below by the activations of a minibatch, which here are most of it, and by no more than ten times
// them from above.
func TestBytesOfAProblem(t *testing.T) {
	const units, batch = 400, 500
	set := problemtest.Images(20, 2)
	net, err := nets.New[float64](nets.Shape{Channels: 1, Rows: 2, Cols: 2}, nets.CrossEntropy,
		nets.Dense{Units: units}, nets.Activation("tanh"), nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	p, err := credit.FamilyOf[float64]{Net: net, Rule: &credit.BackpropOf[float64]{}, Data: set, Batch: batch}.Problem()
	require.NoError(t, err)
	require.Greater(t, p.Bytes(), 4*8.0*units*batch, "pre-activations, outputs, and the cotangents of both")
	require.Less(t, p.Bytes(), 10*8.0*units*batch)
}
