// Package zoo holds learned rules that are ready for use, embedded. docs/results.md tells the command, the seed and the
// time that made each, and what it does.
package zoo

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints"
)

//go:embed *.safetensors
var files embed.FS

const extension = ".safetensors"

// Names returns the names of the rules, in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("zoo: " + err.Error()) // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), extension))
	}
	slices.Sort(names)
	return names
}

// Load returns the rule of that name. An unknown name is an error that lists those there are.
func Load(name string) (checkpoints.Rule, error) {
	b, err := files.ReadFile(name + extension)
	if err != nil {
		return checkpoints.Rule{}, fmt.Errorf("zoo: no rule %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return checkpoints.ReadRule(bytes.NewReader(b))
}
