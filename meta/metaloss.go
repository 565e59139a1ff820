package meta

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/learnedopt"
)

// A MetaLoss says what the loss f after a step counts as, before an Objective weighs it: m = f, m = (f+ε)/(b+ε) relative to the loss b
// that a baseline has after as many steps of the same episode, from the same start and on the same minibatches, m = log(f+ε), or
// m = log((f+ε)/(b+ε)). The zero value is the loss itself.
//
// With a logarithm, losses of all sizes count alike; that of Wichrowska et al. 2017 is of the mean over an episode. b does not depend on
// phi. A baseline that diverges counts with its last finite loss. Losses must stay above −ε: the logarithm of less is not a number, and
// an episode in which that comes up is one that diverged.
type MetaLoss struct {
	// Minibatches says which minibatch the loss that counts is on: Trained, the default, or Other.
	Minibatches Minibatches `json:"minibatches,omitempty"`

	Log            bool            `json:"log,omitempty"`             // take the logarithm
	Baseline       string          `json:"baseline,omitempty"`        // name of a rule, see learnedopt.Named; none if empty
	BaselineConfig json.RawMessage `json:"baseline_config,omitempty"` // its settings, such as {"lr":0.01}
	Eps            float64         `json:"eps,omitempty"`             // ε, with Log or Baseline; 1e-6 if zero
}

// Minibatches says which minibatch a loss is on.
type Minibatches string

// The minibatches.
const (
	// Trained is the minibatch that the next step is computed from.
	Trained Minibatches = "train"
	// Other is another one for each step, drawn alike, which no step sees: so what counts is how well a rule's steps do on what
	// they were not computed from.
	Other Minibatches = "other"
)

// ParseMetaLoss returns the MetaLoss of a JSON object; an empty text is the zero value. An unknown field is an error, and so is one that
// is given twice, is null or is out of its range.
func ParseMetaLoss(text json.RawMessage) (MetaLoss, error) {
	var m MetaLoss
	if len(text) == 0 {
		return m, nil
	}
	if err := config.Set(&m, text); err != nil {
		return m, fmt.Errorf("meta: meta-loss: %w", err)
	}
	m, _, err := m.filled()
	return m, err
}

// Plain reports whether the loss itself counts.
func (m MetaLoss) Plain() bool {
	return (m.Minibatches == "" || m.Minibatches == Trained) && !m.Log && m.Baseline == ""
}

// filled returns the meta-loss with every default in its place, checked, and the baseline, nil for none.
func (m MetaLoss) filled() (MetaLoss, learnedopt.Rule, error) {
	switch {
	case m.Minibatches != "" && m.Minibatches != Trained && m.Minibatches != Other:
		return m, nil, fmt.Errorf("meta: meta-loss: minibatches is %s; want %s or %s", brief.Quote(m.Minibatches), Trained, Other)
	case !(m.Eps >= 0 && m.Eps <= math.MaxFloat32):
		return m, nil, fmt.Errorf("meta: meta-loss: eps is %v; want above 0 and finite", m.Eps)
	case m.Eps != 0 && !m.Log && m.Baseline == "":
		return m, nil, errors.New("meta: meta-loss: eps is for log and baseline alone")
	case m.BaselineConfig != nil && m.Baseline == "":
		return m, nil, errors.New("meta: meta-loss: baseline_config without a baseline")
	}
	if m.Minibatches == Trained {
		m.Minibatches = ""
	}
	if m.Log || m.Baseline != "" {
		m.Eps = cmp.Or(m.Eps, 1e-6)
	}
	if m.Baseline == "" {
		return m, nil, nil
	}
	r, err := learnedopt.Named(m.Baseline, m.BaselineConfig)
	if err != nil {
		return m, nil, fmt.Errorf("meta: meta-loss: baseline: %w", err)
	}
	m.BaselineConfig, err = json.Marshal(r)
	return m, r, err
}

// of returns what a loss counts as beside a baseline's, and the derivative of that by the loss. Without a baseline, base is 1−ε.
func (m MetaLoss) of(loss, base float64) (value, slope float64) {
	switch {
	case m.Log:
		return math.Log((loss + m.Eps) / (base + m.Eps)), 1 / (loss + m.Eps)
	case m.Baseline != "":
		return (loss + m.Eps) / (base + m.Eps), 1 / (base + m.Eps)
	}
	return loss, 1
}
