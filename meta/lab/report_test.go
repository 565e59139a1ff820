package lab_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/lab"
)

// Law: whatever was measured, zeros, numbers that are none and signal that never comes, there is a table and a picture.
func TestAnythingIsShown(t *testing.T) {
	nan, inf := meta.Number(math.NaN()), meta.Number(math.Inf(1))
	for name, x := range map[string]lab.Result{
		"zeros":   {},
		"nothing": {Bias: nan, Noise: nan, Variance: nan, Cosine: nan, Single: nan, Norm: nan, RMS: nan, Seconds: inf, SNRDraws: nan, SNRSteps: nan, SNRSeconds: nan, Diverged: 3},
		"never":   {Bias: 1e-9, Variance: 1e12, Cosine: -1, Norm: 12345, Seconds: 90, SNRDraws: inf, SNRSteps: inf, SNRSeconds: inf, Variances: []meta.Number{0, 0}},
	} {
		x.Name, x.Horizon = name, 7
		r := lab.Report{Horizons: []int{7}, Episodes: 2, Draws: 5, Truths: []lab.Truth{{Horizon: 7, Norm: x.Norm}}, Results: []lab.Result{x}}
		var table bytes.Buffer
		require.NoError(t, r.WriteTable(&table))
		require.Contains(t, table.String(), "2 × 5 draws: horizon 7, |truth| ")
		require.Equal(t, name != "zeros", bytes.Contains(table.Bytes(), []byte("never")))
		require.Equal(t, x.Diverged > 0, bytes.Contains(table.Bytes(), []byte("left out: 3 of nothing at 7.")))
		for _, format := range []string{"png", "svg"} {
			var picture bytes.Buffer
			require.NoError(t, r.Plot(&picture, format))
			require.NotEmpty(t, picture.Bytes())
		}
		require.Error(t, r.Plot(&table, "cubic"))
	}
}
