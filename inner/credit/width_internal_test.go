package credit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The widest synthesizer that is allowed is allowed.
func TestWidestSynthesizer(t *testing.T) {
	require.NoError(t, Synthesizer{Width: maxWidth}.validate("dni"))
	require.EqualError(t, Synthesizer{Width: maxWidth + 1}.validate("dni"), "credit: dni: width is 10001, want 10000 units at most")
}
