package learnedopt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/checkpoints/zoo"
)

// Trained is a rule with meta-parameters to use it with.
type Trained struct {
	Rule       Rule
	Phi        []float32
	Provenance map[string]string // how Phi came about, from the file
}

// ZooPrefix before the name of a rule in package zoo stands for the rule embedded there, as in "zoo:lstm-mnist".
const ZooPrefix = "zoo:"

// Load reads a trained rule from a file written by Save or by cmd/metatrain, or from the zoo, see [ZooPrefix]. The error
// names the file and what is wrong: a file that is missing or damaged, a rule whose name, configuration or layout this
// program does not know, or meta-parameters that are not finite. A rule from elsewhere is known once it is given to
// [Register]; see [LoadAs] too. A name that ends in [FlaxSuffix] is read by [ImportCelo], a safetensors file of somebody else by
// [ImportPyLO].
func Load(path string) (*Trained, error) {
	if strings.HasSuffix(path, FlaxSuffix) {
		return ImportCelo(path)
	}
	t, err := load(path, func(saved checkpoints.Rule) (Rule, error) { return Named(saved.Name, saved.Config) })
	if errors.Is(err, checkpoints.ErrForeign) {
		return ImportPyLO(path)
	}
	return t, err
}

// LoadAs is Load for a rule that nobody has registered. The file must hold a rule of r's name; its configuration is read into
// r, a pointer to a struct, which becomes the rule of the result. Fields of which the file says nothing keep their values.
// Errors are those of Load; after one r is of no use. Any other kind of r panics.
func LoadAs(path string, r Rule) (*Trained, error) {
	mustPoint("LoadAs", r)
	return load(path, func(saved checkpoints.Rule) (Rule, error) {
		if err := saved.CheckName(r.Name()); err != nil {
			return nil, err
		}
		return r, configure(r, saved.Config)
	})
}

// load reads a trained rule whose rule is what find makes of the file.
func load(path string, find func(checkpoints.Rule) (Rule, error)) (*Trained, error) {
	saved, err := loadSaved(path)
	if err != nil {
		return nil, err
	}
	r, err := find(saved)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := saved.Check(r.Name(), r.Spec().Phi); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Trained{Rule: r, Phi: saved.Phi, Provenance: saved.Provenance}, nil
}

func loadSaved(path string) (checkpoints.Rule, error) {
	if name, ok := strings.CutPrefix(path, ZooPrefix); ok {
		return zoo.Load(name)
	}
	return checkpoints.LoadRule(path)
}

// Save writes t to a file, atomically. Meta-parameters that are not finite are an error, and nothing is written.
func (t *Trained) Save(path string) error {
	config, err := json.Marshal(t.Rule)
	if err != nil {
		return fmt.Errorf("learnedopt: %s: %w", path, err)
	}
	return checkpoints.SaveRule(path, checkpoints.Rule{
		Name: t.Rule.Name(), Config: config, Layout: t.Rule.Spec().Phi, Phi: t.Phi, Provenance: t.Provenance,
	})
}
