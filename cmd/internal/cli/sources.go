package cli

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/seed1498fded/unroll/internal/regular"
)

// maxConfig is how long a YAML file may be: many times what a value for every flag takes.
const maxConfig = 64 << 10

// sources are where flags come from that are not among the arguments: the environment, then a YAML file. A value means
// what the same text would mean on the command line, so one parser, that of the flag, judges all.
//
// Kong has an environment of its own, but it cuts the names of variables before digits, lets a resolver win over them,
// and takes an empty variable for a value with some types of flags and for none with others.
type sources struct {
	loaded bool
	values map[string]string // of the file: flag name to the text of its value
	err    error             // the first
}

var _ kong.Resolver = (*sources)(nil)

// Validate does nothing: load and Resolve have refused what is wrong.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve returns the text that the environment or the file has for a flag that is not among the arguments.
func (s *sources) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if question(flag) {
		return nil, nil
	}
	if name := variable(flag); os.Getenv(name) != "" {
		text := os.Getenv(name)
		if err := accept(flag, text); err != nil {
			s.err = fmt.Errorf("%s: %w", name, err)
		}
		return text, s.err
	}
	if text, ok := s.values[flag.Name]; ok {
		return text, nil
	}
	return nil, nil
}

// load reads the file that --config names. It is a hook of kong, which calls it once for each argument.
func (s *sources) load(ctx *kong.Context) error {
	if s.loaded {
		return nil
	}
	s.loaded = true
	flags := allFlags(ctx.Model)
	at := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == "config" })
	if at < 0 {
		return nil
	}
	from, path := "--config", ""
	switch given := slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return p.Flag == flags[at] }); {
	case given:
		if path = fmt.Sprint(ctx.FlagValue(flags[at])); path == "" {
			return errors.New("--config: want the name of a file, got nothing")
		}
	default:
		from = variable(flags[at])
		if path = os.Getenv(from); path == "" {
			return nil
		}
	}
	text, err := regular.ReadFile(path, maxConfig)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", from, path, Reason(err))
	}
	s.values, err = readConfig(path, text, slices.Delete(flags, at, at+1))
	return err
}

// variable returns the name of a flag's environment variable.
func variable(flag *kong.Flag) string {
	return EnvPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(flag.Name))
}

// accept reports why a flag would not take a text.
func accept(flag *kong.Flag, text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s is not UTF-8", quote(text))
	}
	if flag.Enum != "" && !slices.Contains(flag.EnumSlice(), text) {
		return fmt.Errorf("want one of %s, got %s", strings.Join(flag.EnumSlice(), ", "), quote(text))
	}
	scratch := reflect.New(flag.Target.Type()).Elem()
	if scratch.Kind() == reflect.Pointer { // a flag that may stay nil; its parser wants to be called on something
		scratch.Set(reflect.New(scratch.Type().Elem()))
	}
	return flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: kong.ScanAsType(kong.FlagValueToken, text)}, scratch)
}
