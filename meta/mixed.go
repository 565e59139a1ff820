package meta

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/params"
)

// MixedOf is BPTT on a mix of families: each episode is of one member, which the key of the estimate that begins it chooses, and
// every member has a BPTT of its own, made when it is first chosen.
type MixedOf[F params.Float] struct {
	config  BPTTConfigOf[F]
	members []*BPTTOf[F]
	now     int // the member whose episode is under way, or was the last
	live    bool
	made    int // estimates so far

	before mixedMeta // where it was before the last estimate
}

// Mixed is the form in use.
type Mixed = MixedOf[float32]

var (
	_ Estimator = (*Mixed)(nil)
	_ Resumable = (*Mixed)(nil)
)

// NewMixed returns an estimator on a family that may be a mix, or an error if the configuration makes no sense for one of its members.
func NewMixed[F params.Float](c BPTTConfigOf[F]) (*MixedOf[F], error) {
	families := inner.MembersOf(c.Family)
	m := &MixedOf[F]{config: c, members: make([]*BPTTOf[F], len(families))}
	filled, err := c.filled()
	if err != nil {
		return nil, err
	}
	for _, f := range families {
		p, err := f.Sample(0) // for its kind
		if err != nil {
			return nil, err
		}
		if err := filled.suits(p); err != nil {
			return nil, err
		}
	}
	_, err = m.member(0)
	return m, err
}

// member returns a member's own estimator.
func (m *MixedOf[F]) member(i int) (*BPTTOf[F], error) {
	if m.members[i] != nil {
		return m.members[i], nil
	}
	c := m.config
	c.Family = inner.MembersOf(c.Family)[i]
	b, err := NewBPTT(c)
	if err != nil {
		return nil, err
	}
	m.members[i] = b
	return b, nil
}

// Phi lays out the rule's meta-parameters.
func (m *MixedOf[F]) Phi() params.Layout { return m.config.Rule.Spec().Phi }

// Estimate differentiates the next window. The key chooses the member and names the episode if the call starts one.
func (m *MixedOf[F]) Estimate(ctx context.Context, grad, phi []F, key uint64) (Estimate, error) {
	now := m.now
	if !m.live {
		now = inner.ChooseOf(m.config.Family, key)
	}
	b, err := m.member(now)
	if err != nil {
		return Estimate{}, err
	}
	b.made = m.made
	est, err := b.Estimate(ctx, grad, phi, key)
	if err != nil {
		return est, err
	}
	m.before = mixedMeta{m.now, m.live, m.made}
	m.now, m.live, m.made = now, b.live, b.made
	return est, nil
}

// Revert implements Reversible.
func (m *MixedOf[F]) Revert() {
	m.members[m.now].Revert()
	m.now, m.live, m.made = m.before.Member, m.before.Live, m.before.Made
}

// mixedMeta is what is carried beside the episode.
type mixedMeta struct {
	Member int  `json:"member"`
	Live   bool `json:"live"`
	Made   int  `json:"made"`
}

// Save implements Resumable.
func (m *MixedOf[F]) Save(f *checkpoints.File, prefix string) error {
	text, err := json.Marshal(mixedMeta{m.now, m.live, m.made})
	if err != nil {
		return fmt.Errorf("meta: mix: %w", err)
	}
	f.Meta[prefix] = string(text)
	if !m.live {
		return nil
	}
	return m.members[m.now].Save(f, prefix+".of")
}

// Load implements Resumable.
func (m *MixedOf[F]) Load(f *checkpoints.File, prefix string) error {
	var saved mixedMeta
	if err := json.Unmarshal([]byte(f.Meta[prefix]), &saved); err != nil {
		return fmt.Errorf("meta: training checkpoint: %s: %w", prefix, err)
	}
	if saved.Member < 0 || saved.Member >= len(m.members) || saved.Made < 0 {
		return fmt.Errorf("meta: training checkpoint: %s: member %d of %d, after %d estimates", prefix, saved.Member, len(m.members), saved.Made)
	}
	b, err := m.member(saved.Member)
	if err != nil {
		return err
	}
	b.live = false
	if saved.Live {
		if err := b.Load(f, prefix+".of"); err != nil {
			return err
		}
	}
	m.now, m.live, m.made = saved.Member, b.live, saved.Made
	return nil
}
