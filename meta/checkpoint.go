package meta

import (
	"encoding/json"
	"fmt"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/params"
)

// KindTraining is the kind of file that holds a Trainer.
const KindTraining = "training"

// Metadata keys of a training checkpoint.
const (
	metaStatus  = "status"
	metaEpisode = "episode"
	metaConfig  = "config"
)

// episodeMeta is the part of a Snapshot that is not a vector.
type episodeMeta struct {
	Key  uint64 `json:"key"`
	Step int    `json:"step"`
}

// Checkpoint returns everything a Trainer holds: phi, its average, the best phi, the outer optimizer's moments, the unfinished
// episode with its weights, rule state and key, and the counts. The estimator must be Resumable. The caller's config
// goes into the file too, to be compared when the file is read.
func (t *Trainer) Checkpoint(config json.RawMessage) (*checkpoints.File, error) {
	r, ok := t.config.Estimator.(Resumable)
	if !ok {
		return nil, fmt.Errorf("meta: an estimator of type %T can't be saved", t.config.Estimator)
	}
	status, err := json.Marshal(t.status)
	if err != nil {
		return nil, fmt.Errorf("meta: status: %w", err)
	}
	s := r.Snapshot()
	episode, err := json.Marshal(episodeMeta{s.Key, s.Step})
	if err != nil {
		return nil, fmt.Errorf("meta: episode: %w", err)
	}
	f := &checkpoints.File{Kind: KindTraining, Meta: map[string]string{
		metaStatus: string(status), metaEpisode: string(episode), metaConfig: string(config),
	}}
	checkpoints.Put(f, "phi.", t.phiLayout(), t.phi)
	checkpoints.Put(f, "mean.", t.phiLayout(), t.mean)
	checkpoints.Put(f, "best.", t.phiLayout(), t.best)
	checkpoints.Put(f, "outer.", t.config.Outer.State(t.phiLayout()), t.outer.State())
	if s.Step > 0 {
		checkpoints.Put(f, "episode.", episodeLayout(s), append(append([]float32(nil), s.Theta...), s.State...))
	}
	return f, nil
}

func episodeLayout(s Snapshot) params.Layout {
	l := params.Layout{{Name: "theta", Shape: []int{len(s.Theta)}}}
	if len(s.State) > 0 {
		l = append(l, params.Spec{Name: "state", Shape: []int{len(s.State)}})
	}
	return l
}

// CheckpointConfig returns the caller's config from a training checkpoint.
func CheckpointConfig(f *checkpoints.File) json.RawMessage {
	return json.RawMessage(f.Meta[metaConfig])
}

// Restore makes a new Trainer go on where the saved one stood. The new one must be configured like the saved one; the
// layouts are checked, the rest is up to the caller. On an error the trainer is of no further use.
func (t *Trainer) Restore(f *checkpoints.File) error {
	r, ok := t.config.Estimator.(Resumable)
	if !ok {
		return fmt.Errorf("meta: an estimator of type %T can't be resumed", t.config.Estimator)
	}
	for _, v := range []struct {
		prefix string
		layout params.Layout
		dst    []float32
	}{
		{"phi.", t.phiLayout(), t.phi},
		{"mean.", t.phiLayout(), t.mean},
		{"best.", t.phiLayout(), t.best},
		{"outer.", t.config.Outer.State(t.phiLayout()), t.outer.State()},
	} {
		src, err := checkpoints.Get[float32](f, v.prefix, v.layout)
		if err != nil {
			return err
		}
		copy(v.dst, src)
	}
	var status Status
	if err := json.Unmarshal([]byte(f.Meta[metaStatus]), &status); err != nil {
		return fmt.Errorf("meta: training checkpoint: status: %w", err)
	}
	var e episodeMeta
	if err := json.Unmarshal([]byte(f.Meta[metaEpisode]), &e); err != nil {
		return fmt.Errorf("meta: training checkpoint: episode: %w", err)
	}
	s := Snapshot{Key: e.Key, Step: e.Step}
	if s.Step > 0 {
		l := f.Layout("episode.")
		v, err := checkpoints.Get[float32](f, "episode.", l)
		if err != nil {
			return err
		}
		for i, part := range params.Split(l, v) {
			switch l[i].Name {
			case "theta":
				s.Theta = part
			case "state":
				s.State = part
			}
		}
	}
	if err := r.Restore(s); err != nil {
		return err
	}
	t.status = status
	return nil
}
