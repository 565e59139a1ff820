package meta

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/params"
)

// episodeMeta is the part of an unfinished episode that is not a vector. Step 0 means that none is under way.
type episodeMeta struct {
	Key  uint64 `json:"key"`
	Step int    `json:"step"` // inner steps taken

	Made   int `json:"made,omitempty"` // estimates so far, and the length of the episode, with a curriculum
	Length int `json:"length,omitempty"`
}

// Save implements Resumable: it keeps the unfinished episode's key, step, weights and rule state. The gradient it stands at is
// computed again by Load.
func (b *BPTTOf[F]) Save(f *checkpoints.File, prefix string) error {
	var m episodeMeta
	if b.live {
		m = episodeMeta{Key: b.trajectory.key, Step: b.trajectory.Steps()}
	}
	if b.config.Curriculum != nil {
		m.Made, m.Length = b.made, b.length
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("meta: episode: %w", err)
	}
	f.Meta[prefix] = string(text)
	if m.Step > 0 {
		l := b.episodeLayout()
		checkpoints.Put(f, prefix+".", l, append(append(make([]F, 0, l.Len()), b.trajectory.Theta...), b.trajectory.State...))
	}
	return nil
}

// episodeLayout lays out weights and rule state, end to end.
func (b *BPTTOf[F]) episodeLayout() params.Layout {
	l := params.Layout{{Name: "theta", Shape: []int{len(b.trajectory.Theta)}}}
	if n := len(b.trajectory.State); n > 0 {
		l = append(l, params.Spec{Name: "state", Shape: []int{n}})
	}
	return l
}

// Load implements Resumable.
func (b *BPTTOf[F]) Load(f *checkpoints.File, prefix string) error {
	var m episodeMeta
	if err := json.Unmarshal([]byte(f.Meta[prefix]), &m); err != nil {
		return fmt.Errorf("meta: training checkpoint: %s: %w", prefix, err)
	}
	if b.config.Curriculum == nil {
		m.Length = b.config.Horizon
	}
	if m.Step < 0 || m.Step > 0 && m.Step >= m.Length || m.Length > b.config.Horizon || m.Made < 0 {
		return fmt.Errorf("meta: training checkpoint: %s: step %d of %d after %d estimates does not fit a horizon of %d",
			prefix, m.Step, m.Length, m.Made, b.config.Horizon)
	}
	b.made = m.Made
	b.setLength(m.Length)
	if m.Step == 0 {
		b.live = false
		return nil
	}
	v, err := checkpoints.Get[F](f, prefix+".", b.episodeLayout())
	if err != nil {
		return err
	}
	tr := b.trajectory
	b.live = false // until all is in place
	// Begin makes the same problems again; the start it puts them at is then replaced by where they stood.
	if err := tr.Begin(b.config.Family, make([]F, b.Phi().Len()), m.Key); err != nil {
		return err
	}
	tr.steps = m.Step
	copy(tr.State, v[copy(tr.Theta, v):])
	b.live = true
	if err := tr.Prepare(context.Background(), m.Length); err != nil {
		return err
	}
	return tr.Evaluate()
}
