package cli

import (
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
	flags  any
	loaded bool
	values map[string]string // of the file: flag name to the text of its value
	recipe map[string]string // of the recipe, likewise
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
	if name := variable(flag.Name); os.Getenv(name) != "" {
		text := os.Getenv(name)
		if err := accept(flag, text); err != nil {
			s.err = fmt.Errorf("%s: %w", name, err)
		}
		return text, s.err
	}
	if text, ok := s.values[flag.Name]; ok {
		return text, nil
	}
	if text, ok := s.recipe[flag.Name]; ok {
		return text, nil
	}
	return nil, nil
}

// load reads the file that --config names, and the recipe. It is a hook of kong, which calls it once for each argument.
func (s *sources) load(ctx *kong.Context) error {
	if s.loaded {
		return nil
	}
	s.loaded = true
	err := s.loadConfig(ctx)
	if err == nil {
		err = s.loadRecipe(ctx)
	}
	return err
}

func (s *sources) loadConfig(ctx *kong.Context) error {
	from, path, err := s.named(ctx, "config", "a file")
	if path == "" || err != nil {
		return err
	}
	text, err := ReadConfig(path)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	s.values, err = readConfig(path, text, without(allFlags(ctx.Model), "config"))
	return err
}

// Recipes is implemented by flags that have one named recipe, whose YAML says what flags are that nothing else says.
type Recipes interface {
	// ReadRecipe returns the text of the recipe of a name, or of a file of that name.
	ReadRecipe(name string) ([]byte, error)
}

func (s *sources) loadRecipe(ctx *kong.Context) error {
	r, ok := s.flags.(Recipes)
	if !ok {
		return nil
	}
	from, name, err := s.named(ctx, "recipe", "a recipe")
	if err != nil {
		return err
	}
	if text, ok := s.values["recipe"]; ok && name == "" {
		from, name = "recipe", text
	}
	if name == "" {
		return nil
	}
	text, err := r.ReadRecipe(name)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	s.recipe, err = readConfig(name, text, without(allFlags(ctx.Model), "config", "recipe"))
	return err
}

// named returns what the flag of a name says, on the command line or in the environment, and which of the two it was; "" if neither.
func (s *sources) named(ctx *kong.Context, flag, what string) (from, value string, err error) {
	flags := allFlags(ctx.Model)
	at := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == flag })
	if at < 0 {
		return "", "", nil
	}
	if slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return p.Flag == flags[at] }) {
		if value = fmt.Sprint(ctx.FlagValue(flags[at])); value == "" {
			err = fmt.Errorf("--%s: want the name of %s, got nothing", flag, what)
		}
		return "--" + flag, value, err
	}
	from = variable(flags[at].Name)
	return from, os.Getenv(from), nil
}

// without returns the flags that do not have one of the names.
func without(flags []*kong.Flag, names ...string) []*kong.Flag {
	return slices.DeleteFunc(flags, func(f *kong.Flag) bool { return slices.Contains(names, f.Name) })
}

// ReadConfig returns the text of a YAML file of flags, or an error that names the file.
func ReadConfig(path string) ([]byte, error) {
	text, err := regular.ReadFile(path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, Reason(err))
	}
	return text, nil
}

// variable returns the name of a flag's environment variable.
func variable(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(flag))
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
