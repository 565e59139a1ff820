package learnedopt_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// table reads numbers from a file of testdata, a row a line.
func table(t *testing.T, name string) (rows [][]float32) {
	f, err := os.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var row []float32
		for word := range strings.FieldsSeq(lines.Text()) {
			x, err := strconv.ParseFloat(word, 32)
			require.NoError(t, err)
			row = append(row, float32(x))
		}
		rows = append(rows, row)
	}
	require.NoError(t, lines.Err())
	return rows
}

// Law: a reader in another language, written from docs/format.md alone, takes the same steps. It is docs/read_rule.py,
// which made numpy-steps.txt from numpy-gradients.txt and the rule lstm-mnist8. The gradients are large, tiny and zero.
func TestStepsAgreeWithNumPy(t *testing.T) {
	gradients, steps := table(t, "numpy-gradients.txt"), table(t, "numpy-steps.txt")
	require.Len(t, steps, len(gradients))
	trained, err := learnedopt.Load("zoo:lstm-mnist8")
	require.NoError(t, err)
	opt, err := trained.New(params.Layout{{Name: "w", Shape: []int{len(gradients[0])}}})
	require.NoError(t, err)
	for i, g := range gradients {
		theta := make([]float32, len(g)) // at zero, so that the step is not rounded
		require.NoError(t, opt.Step(theta, g))
		assert.InDeltaSlice(t, steps[i], theta, 1e-6, "step %d", i)
	}
}
