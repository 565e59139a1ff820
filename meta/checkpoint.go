package meta

import (
	"encoding/json"
	"fmt"

	"github.com/seed1498fded/unroll/checkpoints"
)

// KindTraining is the kind of file that holds a Trainer.
const KindTraining = "training"

// Metadata keys of a training checkpoint.
const (
	metaStatus = "status"
	metaConfig = "config"
)

// Checkpoint returns everything a Trainer holds: the counts, the best phi, and what its learner carries. The caller's config
// goes into the file too, to be compared when the file is read.
func (t *Trainer) Checkpoint(config json.RawMessage) (*checkpoints.File, error) {
	status, err := json.Marshal(t.status)
	if err != nil {
		return nil, fmt.Errorf("meta: status: %w", err)
	}
	f := &checkpoints.File{Kind: KindTraining, Meta: map[string]string{metaStatus: string(status), metaConfig: string(config)}}
	checkpoints.Put(f, "best.", t.config.Learner.Layout(), t.best)
	return f, t.config.Learner.Save(f, "")
}

// CheckpointConfig returns the caller's config from a training checkpoint.
func CheckpointConfig(f *checkpoints.File) json.RawMessage {
	return json.RawMessage(f.Meta[metaConfig])
}

// Restore makes a new Trainer go on where the saved one stood. The new one must be configured like the saved one; the
// layouts are checked, the rest is up to the caller. On an error the trainer is of no further use.
func (t *Trainer) Restore(f *checkpoints.File) error {
	var status Status
	if err := json.Unmarshal([]byte(f.Meta[metaStatus]), &status); err != nil {
		return fmt.Errorf("meta: training checkpoint: status: %w", err)
	}
	if err := (vector{"best.", t.config.Learner.Layout(), t.best}).load(f); err != nil {
		return err
	}
	if err := t.config.Learner.Load(f, ""); err != nil {
		return err
	}
	t.status = status
	return nil
}
