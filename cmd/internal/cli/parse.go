// Package cli is what the commands of this module share: flags and their other sources, the ends of the process
// (signals, error line, exit status), progress on the terminal, and early checks of output paths.
//
// A command is one struct and one function; everything below can be run in a test, for only [Main] touches the
// process itself.
package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/seed1498fded/unroll/internal/build"
)

// EnvPrefix begins the name of the environment variable of every flag: --outer-lr is UNROLL_OUTER_LR.
const EnvPrefix = "UNROLL_"

// Common holds the flags that every command has. Embed it in the struct given to [Parse].
type Common struct {
	Config   string `placeholder:"FILE.yaml" help:"YAML file of flag names and values, such as \"outer-lr: 0.003\". Flags and environment variables win over it."`
	Progress string `enum:"auto,plain,off" default:"auto" help:"How to show progress on stderr: auto (a bar on a terminal, else plain), plain (a line now and then) or off."`

	Version kong.VersionFlag `help:"Say what this program was built from and what it runs on."`

	given map[string]bool
}

// Given reports whether somebody has said what the flag of that name shall be: on the command line, in the environment or in
// the YAML file. Otherwise it has its default.
func (c *Common) Given(name string) bool { return c.given[name] }

// Flags returns the names of all flags that were given, sorted.
func (c *Common) Flags() []string { return slices.Sorted(maps.Keys(c.given)) }

func (c *Common) setGiven(names map[string]bool) { c.given = names }

// Vars are texts that the tags of a flag struct can refer to.
type Vars map[string]string

// Parse fills the struct that flags points to from the arguments, the environment, the YAML file and the defaults,
// in this order of precedence. An environment variable that is empty counts as not set. The struct is described with the tags of kong; a flag --config, if there is one, names
// the YAML file (see [Common]). Values the struct holds already are lost: defaults belong in the tags.
//
// If help or the version was asked for, or with the first argument "completion" a script for a shell, Parse prints it on stdout and returns done; the caller has nothing left to do then.
// Errors are one line of less than 300 bytes, for the user. Tags may refer to vars as ${name}.
func Parse(name, description string, flags any, args []string, stdout, stderr io.Writer, vars ...Vars) (done bool, err error) {
	for i, arg := range args {
		if !utf8.ValidString(arg) { // kong would exchange the bytes for others
			return false, fmt.Errorf("argument %d, %s: not UTF-8", i+1, quote(arg))
		}
	}
	from := sources{flags: flags}
	options := []kong.Option{
		kong.Name(name),
		kong.Description(description + "\n\n" + exitStatus + completionHelp(name)),
		kong.Writers(stdout, stderr),
		kong.Vars{"version": build.Here().String()},
		// Only --help and --version ask kong to exit. It then goes on with the other sources; what comes of that is of no interest.
		kong.Exit(func(int) { done = true }),
		kong.ValueFormatter(helpText),
		kong.WithBeforeResolve(from.load),
		kong.Resolvers(&from),
	}
	for _, v := range vars {
		options = append(options, kong.Vars(v))
	}
	parser, err := kong.New(flags, options...)
	if err != nil {
		return false, err
	}
	if len(args) > 0 && args[0] == completionWord && completes(name) {
		return true, complete(stdout, parser.Model, flags, args[1:], vars)
	}
	ctx, err := parser.Parse(args)
	switch {
	case done:
		return true, nil
	case err == nil:
		noteGiven(flags, ctx)
	case from.err != nil: // without the flag that kong puts in front
		err = from.err
	}
	return false, plainError(err)
}

// noteGiven tells the flags, if they embed Common, which of them were given.
func noteGiven(flags any, ctx *kong.Context) {
	common, ok := flags.(interface{ setGiven(map[string]bool) })
	if !ok {
		return
	}
	names := make(map[string]bool)
	for _, p := range ctx.Path { // the arguments, and what was resolved from other sources
		if p.Flag != nil {
			names[p.Flag.Name] = true
		}
	}
	common.setGiven(names)
}

// helpText is a flag's help with the name of its environment variable.
func helpText(v *kong.Value) string {
	if v.Flag == nil || question(v.Flag) {
		return v.Help
	}
	named, tag := *v, *v.Tag
	tag.Envs, named.Tag = []string{variable(v.Flag.Name)}, &tag
	return kong.DefaultHelpValueFormatter(&named)
}

// question tells the flags that ask for a text in place of work. They are arguments and nothing else.
func question(flag *kong.Flag) bool { return flag.Name == "help" || flag.Name == "version" }

// allFlags lists the flags of the command and its subcommands, without questions.
func allFlags(app *kong.Application) []*kong.Flag {
	var flags []*kong.Flag
	// The visitor returns no error of its own, so Visit returns none.
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && !question(flag) {
			flags = append(flags, flag)
		}
		return next(nil)
	})
	return flags
}

// missingValue is how kong words that the arguments end where a flag's value should be.
var missingValue = regexp.MustCompile(`expected \S+ value but got "EOL" \(<EOL>\)$`)

// plainError rewords what only a reader of kong's source would understand.
func plainError(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(oneLine(missingValue.ReplaceAllString(err.Error(), "the value is missing"), maxLine))
}
