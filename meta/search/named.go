package search

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/config"
)

// methods makes the settings of each method, in the order of Names.
var methods = []struct {
	name string
	new  func() settings
}{
	{"es", func() settings { return new(ES) }}, {"cmaes", func() settings { return new(CMAES) }}, {"ga", func() settings { return new(GA) }},
	{"anneal", func() settings { return new(Anneal) }}, {"gp", func() settings { return new(GP) }},
}

// settings is a pointer to a method's struct, which has the method's New too.
type settings interface{ Method }

// Names returns the names of all methods.
func Names() []string {
	var names []string
	for _, m := range methods {
		names = append(names, m.name)
	}
	return names
}

// MethodNamed returns the method of a name, es, cmaes, ga, anneal or gp, with the given settings, the JSON form of its struct; an
// empty one means the defaults. An unknown name or field is an error, and so is a field that is given twice or is null. Whether
// settings are in their range is said by New.
func MethodNamed(name string, text json.RawMessage) (Method, error) {
	for _, m := range methods {
		if m.name != name {
			continue
		}
		s := m.new()
		if len(text) > 0 {
			if err := config.Set(s, text); err != nil {
				return nil, fmt.Errorf("search: configuration of %q: %w", name, err)
			}
		}
		return s, nil
	}
	return nil, fmt.Errorf("search: unknown search %s; want one of %s", brief.Quote(name), strings.Join(Names(), ", "))
}

// Named returns a new search for n numbers by the method of a name that begins at zeros: see MethodNamed. GP's n is the length of
// FormulaLayout.
func Named(name string, text json.RawMessage, n int, key uint64) (Search, error) {
	m, err := MethodNamed(name, text)
	if err != nil {
		return nil, err
	}
	return m.New(make([]float64, max(0, n)), key)
}
