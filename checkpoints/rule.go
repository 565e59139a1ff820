package checkpoints

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/params"
)

// KindRule is the kind of a file that holds a [Rule].
const KindRule = "rule"

// The metadata keys of a rule, next to those of the format.
const (
	keyRule          = "rule"
	keyConfig        = "config"
	provenancePrefix = "provenance."
)

// A Rule is a trained rule as it is passed on: everything needed to build it again, and where it came from.
//
// In the file each tensor of Layout bears its own name, so that a program in another language finds
// "lstm.weight_ih_l0" under that name.
type Rule struct {
	Name   string          // which rule it is; never empty
	Config json.RawMessage // the rule's configuration, as JSON; empty if it has none
	Layout params.Layout   // the tensors of Phi
	Phi    []float32       // the meta-parameters, of length Layout.Len()

	// Provenance says how Phi came about: problem, seed, episodes, module version. Never the time of day, for the same
	// training must give the same file.
	Provenance map[string]string
}

// Check reports how r differs from what a program expects: another rule, or the first tensor of phi that does not agree
// with layout, the layout that the rule under that name now has.
func (r Rule) Check(name string, layout params.Layout) error {
	if err := r.CheckName(name); err != nil {
		return err
	}
	if diff := layout.Diff(r.Layout); diff != "" {
		return fmt.Errorf("checkpoints: the saved rule %s has another layout: %s", brief.Quote(r.Name), diff)
	}
	if len(r.Phi) != r.Layout.Len() {
		return fmt.Errorf("checkpoints: the rule %s has %d meta-parameters, want %d", brief.Quote(r.Name), len(r.Phi), r.Layout.Len())
	}
	return nil
}

// CheckName reports a rule of another name.
func (r Rule) CheckName(name string) error {
	if r.Name != name {
		return fmt.Errorf("checkpoints: the saved rule is %s, want %q", brief.Quote(r.Name), name)
	}
	return nil
}

// Finite reports the first meta-parameter that is NaN or infinite, by its tensor and its place there. Phi must fit Layout.
// No rule works with one, and a file that holds one is not read as a rule.
func (r Rule) Finite() error {
	for i, part := range params.Split(r.Layout, r.Phi) {
		for j, x := range part {
			if x-x != 0 {
				return fmt.Errorf("element %d of tensor %s is %v; want finite meta-parameters", j, brief.Quote(r.Layout[i].Name), x)
			}
		}
	}
	return nil
}

// SaveRule writes r to path, as [File.Save] does. It is an error if r has no name, if Config is no JSON, if Phi does
// not fit Layout, or if a number in it is NaN or infinite.
func SaveRule(path string, r Rule) error {
	f, err := r.file()
	if err != nil {
		return fmt.Errorf("checkpoints: %s: saving: %w", path, err)
	}
	return f.Save(path)
}

// LoadRule reads the rule at path. Its errors are those of [Load].
func LoadRule(path string) (Rule, error) {
	f, err := Load(path, KindRule)
	if err != nil {
		return Rule{}, err
	}
	r, err := ruleOf(f)
	if err != nil {
		return Rule{}, fmt.Errorf("checkpoints: %s: %w", path, err)
	}
	return r, nil
}

// WriteRule writes r to w. Its errors are those of [SaveRule].
func WriteRule(w io.Writer, r Rule) error {
	f, err := r.file()
	if err != nil {
		return fmt.Errorf("checkpoints: %w", err)
	}
	return f.Write(w)
}

// ReadRule reads a rule from rd, to its end; a rule embedded in a program is read so. Its errors are those of [Read].
func ReadRule(rd io.Reader) (Rule, error) {
	f, err := Read(rd, KindRule)
	if err != nil {
		return Rule{}, err
	}
	r, err := ruleOf(f)
	if err != nil {
		return Rule{}, fmt.Errorf("checkpoints: %w", err)
	}
	return r, nil
}

// file casts the rule into a File.
func (r Rule) file() (*File, error) {
	if r.Name == "" {
		return nil, fmt.Errorf("the rule has no name")
	}
	if err := r.Layout.Validate(); err != nil {
		return nil, fmt.Errorf("rule %s: %w", brief.Quote(r.Name), err)
	}
	if len(r.Phi) != r.Layout.Len() {
		return nil, fmt.Errorf("rule %s: %d meta-parameters for a layout of %d", brief.Quote(r.Name), len(r.Phi), r.Layout.Len())
	}
	if err := r.Finite(); err != nil {
		return nil, fmt.Errorf("rule %s: %w", brief.Quote(r.Name), err)
	}
	f := &File{Kind: KindRule, Meta: map[string]string{keyRule: r.Name}}
	if len(r.Config) > 0 {
		if !json.Valid(r.Config) {
			return nil, fmt.Errorf("rule %s: the configuration is no JSON: %s", brief.Quote(r.Name), brief.Quote(r.Config))
		}
		f.Meta[keyConfig] = string(r.Config)
	}
	for key, value := range r.Provenance {
		f.Meta[provenancePrefix+key] = value
	}
	Put(f, "", r.Layout, r.Phi)
	return f, nil
}

// ruleOf finds the rule in a sound File of KindRule. Metadata it does not know is left alone: a later version may add some.
func ruleOf(f *File) (Rule, error) {
	r := Rule{Name: f.Meta[keyRule], Layout: f.Layout("")}
	if r.Name == "" {
		return Rule{}, fmt.Errorf("%w: the metadata has no %q", ErrFormat, keyRule)
	}
	if config, ok := f.Meta[keyConfig]; ok {
		if r.Config = json.RawMessage(config); !json.Valid(r.Config) {
			return Rule{}, fmt.Errorf("%w: metadata %q is no JSON: %s", ErrFormat, keyConfig, brief.Quote(config))
		}
	}
	for key, value := range f.Meta {
		if name, ok := strings.CutPrefix(key, provenancePrefix); ok {
			if r.Provenance == nil {
				r.Provenance = make(map[string]string)
			}
			r.Provenance[name] = value
		}
	}
	r.Phi = make([]float32, 0, r.Layout.Len())
	for _, t := range f.Tensors {
		if t.F32 == nil {
			return Rule{}, fmt.Errorf("%w: tensor %s holds float64, want float32 in a rule", ErrFormat, brief.Quote(t.Name))
		}
		r.Phi = append(r.Phi, t.F32...)
	}
	if err := r.Finite(); err != nil {
		return Rule{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return r, nil
}
