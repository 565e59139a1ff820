package cli

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/seed1498fded/unroll/internal/machine"
)

// A Given is the value of a flag: a nil pointer or an empty list if nobody gave it.
type Given struct {
	Name  string
	Value any
}

// String writes the flag as on the command line, or nothing if it was not given.
func (g Given) String() string {
	v := reflect.ValueOf(g.Value)
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil(), v.Kind() == reflect.Slice && v.Len() == 0, v.IsZero():
		return ""
	case v.Kind() == reflect.Pointer:
		v = v.Elem()
	}
	text := fmt.Sprint(v.Interface())
	if v.Kind() == reflect.Slice {
		text = strings.ReplaceAll(strings.Trim(text, "[]"), " ", ",")
	}
	return "--" + g.Name + " " + cut(text, maxQuote/2)
}

// Blame puts the flags in front of an error that tells of too little memory: it is they that ask for it. All other errors
// stay as they are.
func Blame(err error, flags ...Given) error {
	if _, ok := errors.AsType[*machine.MemoryError](err); !ok {
		return err
	}
	var given []string
	for _, f := range flags {
		if text := f.String(); text != "" {
			given = append(given, text)
		}
	}
	if given == nil {
		return err
	}
	return fmt.Errorf("%s: %w", strings.Join(given, " "), err)
}
