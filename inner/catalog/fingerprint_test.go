package catalog_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

// Law: the fingerprint is that of the images, not of the folder, the problem or the split.
func TestFingerprint(t *testing.T) {
	set := problemtest.Images(36, 28)
	of := func(name string, o catalog.Options) string {
		f, err := catalog.Fingerprint(name, o)
		require.NoError(t, err)
		return f
	}
	one := of("mnist", catalog.Options{Data: writeImages(t, set)})
	assert.Equal(t, one, of("logistic8", catalog.Options{Data: writeImages(t, set), Split: catalog.Test}))
	set.Images[5]++
	assert.NotEqual(t, one, of("mnist", catalog.Options{Data: writeImages(t, set)}))
	assert.NotEqual(t, one, of("mnist", catalog.Options{}), "the embedded MNIST")
	assert.Empty(t, of("quadratic", catalog.Options{}))

	_, err := catalog.Fingerprint("minst", catalog.Options{})
	assert.ErrorContains(t, err, `no problem "minst"`)
	_, err = catalog.Fingerprint("mnist", catalog.Options{Data: t.TempDir()})
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
