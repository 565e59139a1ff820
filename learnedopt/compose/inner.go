package compose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// An Inner is a rule inside of another. In JSON it is {"name": NAME, "config": CONFIG}, where the configuration may be left out,
// or the name alone. The zero Inner stands for a default, which depends on where it is.
type Inner struct{ Rule rule.Rule }

// Of returns a rule as one inside of another.
func Of(r rule.Rule) Inner { return Inner{r} }

// or returns x, or a default in the place of none.
func (x Inner) or(r rule.Rule) Inner {
	if x.Rule == nil {
		return Inner{r}
	}
	return x
}

// named makes rules by name.
var named = func(name string, _ json.RawMessage) (rule.Rule, error) {
	return nil, fmt.Errorf("no rule %s is known: package learnedopt, which knows the names, is not in this program", brief.Quote(name))
}

// SetNamed says how rules are made by name and configuration, for those who keep a registry: package learnedopt calls it when it
// is initialised. Nobody else needs to.
func SetNamed(f func(name string, config json.RawMessage) (rule.Rule, error)) { named = f }

// maxNested bounds how deep the JSON of a rule may be nested. Each rule inside of another takes two or three levels.
const maxNested = 32

// innerJSON is the form of an Inner in JSON.
type innerJSON struct {
	Name   string          `json:"name"`
	Config json.RawMessage `json:"config"`
}

// MarshalJSON writes the rule with its configuration.
func (x Inner) MarshalJSON() ([]byte, error) {
	if x.Rule == nil {
		return []byte("null"), nil
	}
	config, err := json.Marshal(x.Rule)
	if err != nil {
		return nil, err
	}
	return json.Marshal(innerJSON{x.Rule.Name(), config})
}

// UnmarshalJSON makes the rule. The error is short: an unknown name, or what is wrong with the configuration.
func (x *Inner) UnmarshalJSON(text []byte) error {
	if nested(text) > maxNested {
		return fmt.Errorf("rules are nested more than %d levels of JSON deep", maxNested)
	}
	var in innerJSON
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte{'"'}) {
		err = json.Unmarshal(text, &in.Name)
	} else {
		err = config.Set(&in, text)
	}
	switch {
	case err != nil:
		return fmt.Errorf("a rule inside of another: %w", err)
	case in.Name == "":
		return errors.New(`a rule inside of another has no name; want {"name": ..., "config": ...}`)
	}
	r, err := named(in.Name, in.Config)
	if err != nil {
		return plain(err)
	}
	x.Rule = r
	return nil
}

// nested returns how deep brackets lie in one another.
func nested(text []byte) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '{' || c == '['):
			depth++
			deepest = max(deepest, depth)
		case !quoted && (c == '}' || c == ']'):
			depth--
		}
	}
	return deepest
}

// check reports what is wrong with the configuration of the rule.
func (x Inner) check() error {
	if err := rule.Validate(x.Rule); err != nil {
		return plain(err)
	}
	return nil
}

// plain leaves out who says so, for one error inside of another.
func plain(err error) error { return errors.New(strings.TrimPrefix(err.Error(), "learnedopt: ")) }

// Text words a rule as its name and those of the rules in it, as in decay(adam).
func Text(r rule.Rule) string {
	c, ok := r.(composition)
	if !ok {
		return r.Name()
	}
	var names []string
	for _, p := range c.parts() {
		names = append(names, Text(p.rule))
	}
	return r.Name() + "(" + strings.Join(names, ", ") + ")"
}
