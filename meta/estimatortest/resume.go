package estimatortest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/meta"
)

// Resumable is an estimator that goes on from what was saved of it.
type Resumable interface {
	meta.Estimator
	meta.Resumable
}

const kind, prefix = "training", "episode"

// Saved returns what a resumable puts into a checkpoint, as a file's bytes.
func Saved(t *testing.T, r meta.Resumable) []byte {
	t.Helper()
	f := &checkpoints.File{Kind: kind, Meta: make(map[string]string)}
	require.NoError(t, r.Save(f, prefix))
	var b bytes.Buffer
	require.NoError(t, f.Write(&b))
	return b.Bytes()
}

// Load has a resumable go on from what Saved returned, and returns its error.
func Load(t *testing.T, r meta.Resumable, file []byte) error {
	t.Helper()
	f, err := checkpoints.Read(bytes.NewReader(file), kind)
	require.NoError(t, err)
	return r.Load(f, prefix)
}

// SameStep takes an outer step with each of two estimators, which must estimate the same to the bit, and moves phi along it.
func SameStep(t *testing.T, want, got meta.Estimator, phi []float32, key uint64) {
	t.Helper()
	a, b := make([]float32, len(phi)), make([]float32, len(phi))
	wanted, err := want.Estimate(t.Context(), a, phi, key)
	require.NoError(t, err)
	found, err := got.Estimate(t.Context(), b, phi, key)
	require.NoError(t, err)
	require.Equal(t, wanted, found)
	require.Equal(t, a, b)
	for i, x := range b {
		phi[i] -= 0.01 * x
	}
}
