package learnedopt

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/seed1498fded/unroll/internal/brief"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// configure sets the fields of a rule from JSON and asks the rule whether it can work with them. The names are taken to the
// letter, while encoding/json would overlook the case. An empty configuration leaves the rule as it is.
func configure(r Rule, config json.RawMessage) error {
	if len(config) > 0 {
		if err := setFields(r, config); err != nil {
			return fmt.Errorf("learnedopt: configuration of rule %s: %w", brief.Quote(r.Name()), err)
		}
	}
	return Validate(r)
}

func setFields(r Rule, config json.RawMessage) error {
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

// knownFields returns the names of a rule's fields in JSON: those that it writes, and those that it leaves out when empty.
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
	for _, f := range reflect.VisibleFields(reflect.TypeOf(r).Elem()) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if strings.Contains(options, "omit") && f.IsExported() {
			known[cmp.Or(name, f.Name)] = true
		}
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
