package meta_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// A snapshot is what a BPTT carries from one call to the next, as a checkpoint holds it.
type snapshot struct {
	Key          uint64
	Step         int
	Theta, State []float32
}

// snapshotOf reads it from what Save writes.
func snapshotOf(t *testing.T, b meta.Resumable) (s snapshot) {
	t.Helper()
	f := &checkpoints.File{Meta: make(map[string]string)}
	require.NoError(t, b.Save(f, "episode"))
	require.NoError(t, json.Unmarshal([]byte(f.Meta["episode"]), &s))
	for _, tensor := range f.Tensors {
		v := append(append([]float32(nil), tensor.F32...), params.Convert[float32](tensor.F64)...)
		switch tensor.Name {
		case "episode.theta":
			s.Theta = v
		case "episode.state":
			s.State = v
		default:
			t.Fatalf("a tensor %q", tensor.Name)
		}
	}
	return s
}

// restore hands a snapshot to Load.
func restore(b meta.Resumable, s snapshot) error {
	text, err := json.Marshal(map[string]any{"key": s.Key, "step": s.Step})
	if err != nil {
		return err
	}
	f := &checkpoints.File{Meta: map[string]string{"episode": string(text)}}
	for name, v := range map[string][]float32{"episode.theta": s.Theta, "episode.state": s.State} {
		if len(v) > 0 {
			checkpoints.Put(f, "", params.Layout{{Name: name, Shape: []int{len(v)}}}, v)
		}
	}
	return b.Load(f, "episode")
}
