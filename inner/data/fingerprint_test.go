package data_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/inner/data"
)

// Law: the fingerprint is that of the content, and any change of the content changes it.
func TestFingerprint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sets().Draw(t, "set")
		clone := func() *data.Set {
			c := *s
			c.Images, c.Labels = slices.Clone(s.Images), slices.Clone(s.Labels)
			return &c
		}
		want := data.Fingerprint(s)
		require.Len(t, want, 64)
		require.Equal(t, want, data.Fingerprint(clone()))
		pixel, label, wider, classes := clone(), clone(), clone(), clone()
		pixel.Images[rapid.IntRange(0, len(s.Images)-1).Draw(t, "pixel")]++
		label.Labels[rapid.IntRange(0, s.Len()-1).Draw(t, "label")]++
		wider.Rows, wider.Cols = s.Rows*s.Cols+1, 1
		classes.Classes++
		for i, other := range []*data.Set{pixel, label, wider, classes} {
			require.NotEqual(t, want, data.Fingerprint(other), i)
		}
		require.NotEqual(t, want, data.Fingerprint(s, s))
		require.NotEqual(t, data.Fingerprint(s, pixel), data.Fingerprint(pixel, s))
	})
}

// The bytes that are summed do not change from one version to the next: runs are resumed by them.
func TestFingerprintIsPinned(t *testing.T) {
	train, test, _ := fixture(t)
	assert.Equal(t, "bf08e00c05df0e5156ac868694afc67d3650c5b7a24b61c0a9be56e4960476e1", data.Fingerprint(train, test))
}
