package learnedopt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
)

// All returns one of each rule with its defaults. The laws of package ruletest are tested on every one of them, and
// these are the rules that a file or a command line can name.
func All() []Rule {
	return append(append(handmade.All(), stepsize.All()...), new(lstm.Rule))
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
// means the defaults. An unknown name or field is an error, and so is a field that is given twice, is null or is out of its
// range. The error is short and names the rule and the field.
func Named(name string, config json.RawMessage) (Rule, error) {
	for _, r := range All() {
		if r.Name() != name {
			continue
		}
		if len(config) > 0 {
			if err := configure(r, config); err != nil {
				return nil, fmt.Errorf("learnedopt: configuration of rule %q: %w", name, err)
			}
		}
		if v, ok := r.(Validator); ok {
			return r, v.Validate()
		}
		return r, nil
	}
	return nil, fmt.Errorf("learnedopt: unknown rule %s; want one of %s", brief.Quote(name), strings.Join(Names(), ", "))
}

// configure sets the fields of a rule of ours from JSON, one at a time, so that an error can name the field. The names are
// taken to the letter, while encoding/json would overlook the case.
func configure(r Rule, config json.RawMessage) error {
	fields, err := members(config)
	if err != nil {
		return err
	}
	known, err := knownFields(r)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !known[name] {
			return fmt.Errorf("json: unknown field %s", brief.Quote(name))
		}
		if string(fields[name]) == "null" {
			return fmt.Errorf("field %q is null; leave it out for the default", name)
		}
	}
	if err := json.Unmarshal(config, r); err != nil {
		return plainer(err)
	}
	return nil
}

// knownFields returns the names of a rule's fields.
func knownFields(r Rule) (map[string]bool, error) {
	config, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	all, err := members(config)
	known := make(map[string]bool)
	for name := range all {
		known[name] = true
	}
	return known, err
}

// members reads a single JSON object, whose names must differ.
func members(config json.RawMessage) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(config))
	start, err := d.Token()
	switch {
	case err != nil:
		return nil, short(err)
	case start != json.Delim('{'):
		return nil, errors.New("want a JSON object")
	}
	all := make(map[string]json.RawMessage)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, short(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, short(err)
		}
		name := key.(string) // or the decoder had complained
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("field %s is given twice", brief.Quote(name))
		}
		all[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, short(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return all, nil
}

// plainer says in a few words what encoding/json says in many, the value among them, which may be long.
func plainer(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return short(err)
	}
	return fmt.Errorf("json: cannot unmarshal %.30s into field %q of type %v", wrong.Value, wrong.Field, wrong.Type)
}

// short cuts a message that quotes its input.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	const longest = 150
	if text := err.Error(); len(text) > longest {
		return errors.New(brief.Text(text, longest))
	}
	return err
}
