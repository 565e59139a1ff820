// Package config reads configurations: structs from JSON, more strictly than encoding/json does.
package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
)

// Set sets the fields of a struct, given as a pointer, from a JSON object. Names are taken to the letter, while encoding/json would
// overlook the case. A field that is unknown, given twice or null is an error, and so is one of another type; errors are short.
func Set(v any, text json.RawMessage) error {
	fields, err := members(text)
	if err != nil {
		return err
	}
	known, err := knownFields(v)
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
	if err := json.Unmarshal(text, v); err != nil {
		return plainer(err)
	}
	return nil
}

// knownFields returns the names of a struct's fields in JSON: those that it writes, and those that it leaves out when empty.
func knownFields(v any) (map[string]bool, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	all, err := members(text)
	known := make(map[string]bool)
	for name := range all {
		known[name] = true
	}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v).Elem()) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if strings.Contains(options, "omit") && f.IsExported() {
			known[cmp.Or(name, f.Name)] = true
		}
	}
	return known, err
}

// members reads a single JSON object, whose names must differ.
func members(text json.RawMessage) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
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
