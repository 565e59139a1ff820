package metatrain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// begin returns the learned rule that a new run begins with, nil for none. Unless the flags name a rule, it is that one's; and unless
// they configure one of the same name otherwise, so is the configuration.
func (s *settings) begin(o options) (*learnedopt.Trained, error) {
	if s.From == "" {
		return nil, nil
	}
	t, err := s.learned()
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(t.Rule)
	if err != nil {
		return nil, fmt.Errorf("--from %s: %w", s.From, err)
	}
	if !o.Given("rule") {
		s.Rule = t.Rule.Name()
	}
	if s.Rule != t.Rule.Name() {
		return nil, fmt.Errorf("--from %s: it holds the rule %s %s, not %s %s", s.From, t.Rule.Name(), config, s.Rule, s.RuleConfig)
	}
	if !o.Given("rule-config") {
		s.RuleConfig = cli.JSON(config)
	}
	if string(s.RuleConfig) == string(config) {
		return t, nil
	}
	return s.configured(t)
}

// learned reads the rule of --from, or the mean of several.
func (s settings) learned() (*learnedopt.Trained, error) {
	var all []*learnedopt.Trained
	for _, file := range strings.Split(s.From, ",") {
		if file == "" {
			return nil, fmt.Errorf("--from %s: the name of a file is empty", s.From)
		}
		t, err := learnedopt.Load(file)
		if err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
		all = append(all, t)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	t, err := learnedopt.Mean(all...)
	if err != nil {
		return nil, fmt.Errorf("--from %s: %w", s.From, err)
	}
	return t, nil
}

// configured returns a rule of other settings that begins with the weights of a learned one: those that the settings bring anew begin
// as they always do, and so do those of another shape where the rule is fitted to the learned one's steps; else such a shape is an error.
func (s *settings) configured(t *learnedopt.Trained) (*learnedopt.Trained, error) {
	r, err := learnedopt.Named(s.Rule, json.RawMessage(s.RuleConfig))
	if err != nil {
		return nil, fmt.Errorf("--rule-config: %w", err)
	}
	have, want := t.Rule.Spec().Phi, r.Spec().Phi
	phi := learnedopt.Phi(r, meta.PhiKey(s.trainingKey()))
	for _, p := range have {
		i := slices.IndexFunc(want, func(w params.Spec) bool { return w.Name == p.Name })
		fits := i >= 0 && slices.Equal(want[i].Shape, p.Shape)
		if !fits && s.distils() {
			continue
		}
		if !fits {
			return nil, fmt.Errorf("--from %s: its %s %v has no place in %s %s", s.From, p.Name, p.Shape, s.Rule, s.RuleConfig)
		}
		copy(params.Slice(want, phi, p.Name), params.Slice(have, t.Phi, p.Name))
	}
	return &learnedopt.Trained{Rule: r, Phi: phi}, nil
}
