package learnedopt

import (
	"encoding/json"
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
// version does not know, or meta-parameters that are not finite.
func Load(path string) (*Trained, error) {
	saved, err := loadSaved(path)
	if err != nil {
		return nil, err
	}
	r, err := Named(saved.Name, saved.Config)
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
