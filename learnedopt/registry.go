package learnedopt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// All returns one of each rule with its defaults. The laws of package ruletest are tested on every one of them, and
// these are the rules that a file or a command line can name.
func All() []Rule {
	return []Rule{new(SGD), new(Momentum), new(NAG), new(RMSprop), new(Adam), new(AdamW), new(LSTM)}
}

// Names returns the names of all rules.
func Names() []string {
	var names []string
	for _, r := range All() {
		names = append(names, r.Name())
	}
	return names
}

// Named returns the rule of that name with the given configuration, the JSON form of the rule's struct; an empty one
// means the defaults. An unknown name or field is an error.
func Named(name string, config json.RawMessage) (Rule, error) {
	for _, r := range All() {
		if r.Name() != name {
			continue
		}
		if len(config) == 0 {
			return r, nil
		}
		d := json.NewDecoder(bytes.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(r); err != nil {
			return nil, fmt.Errorf("learnedopt: configuration of rule %q: %w", name, err)
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, fmt.Errorf("learnedopt: configuration of rule %q: more than one JSON value", name)
		}
		if v, ok := r.(Validator); ok {
			return r, v.Validate()
		}
		return r, nil
	}
	return nil, fmt.Errorf("learnedopt: unknown rule %q; want one of %s", name, strings.Join(Names(), ", "))
}
