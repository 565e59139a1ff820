package metatrain

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
)

// A field is one of the settings.
type field struct {
	name  string // of the flag, and in files
	value reflect.Value
	tag   reflect.StructTag
}

// fields lists the settings in their order. Their values can be set.
func (s *settings) fields() []field {
	var list []field
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		list = append(list, field{name, v.Field(i), tag})
	}
	return list
}

// text words a setting, a list as it is written on the command line. It is empty where the value stands for a default or for
// none.
func (f field) text() string {
	switch x := f.value.Interface().(type) {
	case cli.Count:
		if x == 0 {
			return ""
		}
	case cli.Positive:
		if x == 0 {
			return ""
		}
	case cli.Widths:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(x)), " ", ","), "[]")
	}
	return fmt.Sprint(f.value.Interface())
}

// provenance returns the settings as the provenance of a rule, for people. What the file of a rule says anyway is left out,
// and so is what is at a default of the problem's.
func (s settings) provenance() map[string]string {
	p := make(map[string]string)
	for _, f := range s.fields() {
		if text := f.text(); text != "" && f.tag.Get("provenance") != "-" {
			p[strings.ReplaceAll(f.name, "-", "_")] = text
		}
	}
	return p
}
