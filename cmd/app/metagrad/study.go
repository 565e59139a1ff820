package metagrad

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/lab"
)

// truths are the names of what is right.
var truths = []string{"auto", "exact", "bptt", "differences"}

// flag puts an error down to a flag.
func flag(name string, err error) error { return fmt.Errorf("--%s: %w", name, err) }

// study says what is measured, and the rule's name.
func (o *options) study() (s lab.StudyOf[float32], name string, err error) {
	if err := o.check(); err != nil {
		return s, "", err
	}
	entries, err := lab.ParseEntries(o.Estimators)
	if err != nil {
		return s, "", flag("estimators", err)
	}
	setup, phi, err := o.setup()
	if err != nil {
		return s, "", err
	}
	s = lab.StudyOf[float32]{
		Phi: phi, Horizons: o.Horizons, Episodes: o.Episodes.Or(2), Draws: o.Draws.Or(0), PerStep: setup.PerStep(), Key: uint64(o.Seed),
		Workers: o.Workers.Or(0),
	}
	if len(o.Horizons) == 0 {
		s.Horizons = []int{10, 20, 40}
	}
	for _, e := range entries {
		c, err := setup.Contender(e)
		if err != nil {
			return s, "", flag("estimators", err)
		}
		s.Contenders = append(s.Contenders, c)
	}
	if s.Truth, err = o.truth(setup); err != nil {
		return s, "", err
	}
	if err := s.Validate(); err != nil {
		return s, "", flag("estimators", err)
	}
	return s, setup.Rule.Name(), nil
}

// check reports flags that make no sense whatever the others are.
func (o *options) check() error {
	for _, f := range []struct {
		name, want string
		empty      bool
	}{{"data", "a folder", o.Data != nil && *o.Data == ""}, {"from", "a file", o.Given("from") && o.From == ""}} {
		if f.empty { // likely a variable that is not set
			return fmt.Errorf("--%s: want the name of %s, got nothing", f.name, f.want)
		}
	}
	switch {
	case !slices.Contains(truths, o.Truth):
		return fmt.Errorf("--truth %s: want one of %s", brief.Text(o.Truth, 60), strings.Join(truths, ", "))
	case !slices.Contains(lab.Objectives(), o.Objective):
		return fmt.Errorf("--objective %s: want one of %s", brief.Text(o.Objective, 60), strings.Join(lab.Objectives(), ", "))
	case o.From != "" && (o.Given("rule") || o.Given("rule-config")):
		return errors.New("--rule: not with --from, which says the rule")
	case o.Draws != nil && *o.Draws < 2:
		return errors.New("--draws: want 2 or more, for a variance")
	case o.Objective == string(meta.Min) && o.Copies.Or(1) > 1:
		return errors.New("--copies: not with --objective min: the least of the means is no mean of the least")
	}
	return nil
}

// setup says what is trained by which rule, and where that is measured.
func (o *options) setup() (setup lab.SetupOf[float32], phi []float32, err error) {
	loss, err := meta.ParseMetaLoss(json.RawMessage(o.MetaLoss))
	if err != nil {
		return setup, nil, flag("meta-loss", err)
	}
	r, phi, err := o.rule()
	if err != nil {
		return setup, nil, err
	}
	if len(phi) == 0 {
		return setup, nil, fmt.Errorf("--rule %s: it has nothing to learn", r.Name())
	}
	family, err := o.family()
	if err != nil {
		return setup, nil, err
	}
	for _, f := range inner.MembersOf(family) {
		p, err := f.Sample(0)
		if err != nil {
			return setup, nil, err
		}
		if _, err := learnedopt.StateLen(r, p.Params(), 1); err != nil {
			return setup, nil, flag("rule", err)
		}
	}
	return lab.SetupOf[float32]{
		Rule: r, Family: family, Copies: o.Copies.Or(1), MetaLoss: loss, Objective: meta.Objective(o.Objective),
	}, phi, nil
}

// truth says what is right, and notes it where that was left open.
func (o *options) truth(setup lab.SetupOf[float32]) (lab.TruthOf[float32], error) {
	if o.Truth == "auto" {
		o.Truth = "exact"
		for _, f := range inner.MembersOf(setup.Family) {
			p, err := f.Sample(0)
			if err != nil {
				return nil, err
			}
			_, curved := p.(inner.Curvature)
			if _, signalled := p.(inner.Signalled); !curved || signalled {
				o.Truth = "differences"
			}
		}
	}
	if o.Truth == "differences" {
		step := 0.01
		if o.Step != nil {
			step = float64(*o.Step)
		}
		return setup.Differences(step), nil
	}
	if o.Step != nil {
		return nil, fmt.Errorf("--difference-step: with --truth differences alone, and it is %s", o.Truth)
	}
	t, err := setup.Backpropagation(o.Truth == "exact")
	if err != nil {
		return nil, flag("truth", err)
	}
	return t, nil
}

// A file is one that a flag names.
type file struct {
	flag, path string
	extensions []string
}

// checkOutputs reports what would keep the outcome from being written, or would let it overwrite something else of the command's.
func (o *options) checkOutputs() error {
	var outputs, inputs []file
	if o.JSON != nil && *o.JSON != "-" {
		outputs = append(outputs, file{"--json", *o.JSON, nil})
	}
	if o.Plot != nil {
		outputs = append(outputs, file{"--plot", *o.Plot, []string{".png", ".svg"}})
	}
	if o.Config != "" {
		inputs = append(inputs, file{flag: "--config", path: o.Config})
	}
	if o.From != "" {
		inputs = append(inputs, file{flag: "--from", path: o.From})
	}
	for i, x := range outputs {
		if err := cli.CheckOutput(x.path, x.extensions...); err != nil {
			return fmt.Errorf("%s: %w", x.flag, err)
		}
		for _, y := range append(outputs[:i:i], inputs...) {
			if cli.SameFile(x.path, y.path) {
				return fmt.Errorf("%s: %s: it is the file of %s", x.flag, x.path, y.flag)
			}
		}
	}
	return nil
}
