package metatrain

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// What is learned under backprop is what is learned without a credit rule, to the bit: it is the same network and the same
// gradient.
func TestBackpropIsNoCreditRule(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	for _, problem := range []string{"mnist8", "logistic8"} {
		args := []string{"--problem", problem, "--data", "images", "--batch", "4", "--rule-config", `{"hidden":4,"layers":1}`,
			"--horizon", "6", "--window", "3", "--every", "3", "--episodes", "4"}
		plain, backprop := learned(t, args...), learned(t, append(args, "--credit", "backprop")...)
		require.Equal(t, plain[logFile], backprop[logFile], problem)
	}
}
