package cli

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionWord is the argument, in place of any flag, that asks for the script by which a shell completes the command's flags.
const completionWord = "completion"

// completes reports whether there is completion for a command: it is by the name of a program, which has one word.
func completes(command string) bool { return !strings.Contains(command, " ") }

// completionHelp is what the help of a command says about it.
func completionHelp(command string) string {
	if !completes(command) {
		return ""
	}
	return fmt.Sprintf("\n\n\"%s completion bash\", or zsh or fish, prints a script by which the shell completes the flags.", command)
}

// Worded is implemented by flags of a command that does something else where its first argument is one of some words.
type Worded interface{ Words() []string }

// A candidate is what a shell has to know of a flag.
type candidate struct {
	name, help  string
	placeholder string // of its value; empty if it takes none
	values      []string
	list        bool // of several values with commas between them
	files, dirs bool // whether a file's or a folder's name will do
}

// shells write the script of a shell for a command, its words and its flags.
var shells = map[string]func(w io.Writer, command string, words []string, flags []candidate){
	"bash": bash, "zsh": zsh, "fish": fish,
}

// shellNames are the shells that there are scripts for.
var shellNames = []string{"bash", "zsh", "fish"}

// complete writes the script for the shell that the arguments after completionWord name.
func complete(w io.Writer, model *kong.Application, flags any, args []string, vars []Vars) error {
	if len(args) != 1 || shells[args[0]] == nil {
		return fmt.Errorf("%s: want bash, zsh or fish, got %s", completionWord, quote(strings.Join(args, " ")))
	}
	words := []string{completionWord}
	if more, ok := flags.(Worded); ok {
		words = append(words, more.Words()...)
	}
	var script strings.Builder
	shells[args[0]](&script, model.Name, words, candidates(model, vars))
	_, err := io.WriteString(w, script.String())
	return err
}

func candidates(model *kong.Application, vars []Vars) []candidate {
	all := []candidate{{name: "help", help: "Show help"}, {name: "version", help: "Say what this program is"}}
	for _, f := range allFlags(model) {
		c := candidate{name: f.Name, help: firstWords(f.Help)}
		if !f.IsBool() {
			c.placeholder = strings.Trim(f.FormatPlaceHolder(), `"`)
			c.values, c.list = valuesOf(f, vars), strings.HasSuffix(c.placeholder, ",...")
			c.files, c.dirs = strings.Contains(c.placeholder, "FILE"), strings.Contains(c.placeholder, "DIR")
		}
		all = append(all, c)
	}
	return all
}

var (
	reference = regexp.MustCompile(`\$\{(\w+)\}`)
	nameLike  = regexp.MustCompile(`^[a-z][a-z0-9_.:+/-]*$`)
	choices   = regexp.MustCompile(`^[a-z0-9]+(\|[a-z0-9]+)+$`)
)

// valuesOf lists the values that a flag's help has: those of an enum, of a placeholder such as best|last, or the names that the help
// refers to.
func valuesOf(f *kong.Flag, vars []Vars) (values []string) {
	switch {
	case f.Enum != "":
		return f.EnumSlice()
	case choices.MatchString(f.PlaceHolder):
		return strings.Split(f.PlaceHolder, "|")
	case !strings.Contains(f.PlaceHolder, "NAME") && !strings.Contains(f.PlaceHolder, "FILE"):
		return nil
	}
	for _, m := range reference.FindAllStringSubmatch(f.Tag.Get("help"), -1) {
		for _, v := range vars {
			for _, word := range strings.FieldsFunc(v[m[1]], func(r rune) bool { return r == ',' || r == ' ' }) {
				if nameLike.MatchString(word) && !slices.Contains(values, word) {
					values = append(values, word)
				}
			}
		}
	}
	return values
}

// firstWords is what a help text begins with, without anything that means something to a shell.
func firstWords(help string) string {
	if i := strings.IndexAny(help, ".:;(,\"[]{}\\"); i >= 0 {
		help = help[:i]
	}
	help = strings.ReplaceAll(help, "'", "’") // which ends no quotation
	return strings.TrimSpace(strings.Join(strings.Fields(help), " "))
}

// bash writes a function that reads the line itself, since bash cuts words at = and :, and takes back what is before these.
func bash(w io.Writer, command string, words []string, flags []candidate) {
	fmt.Fprintf(w, "# completion of %s in bash: source <(%[1]s completion bash)\n_unroll_%[1]s() {\n", command)
	fmt.Fprint(w, `	local line=${COMP_LINE:0:COMP_POINT} word before flag list= also= comma= head= reply
	word=${line##*[[:space:]]}
	before=${line%"$word"}
	before=${before%"${before##*[![:space:]]}"}
	flag=${before##*[[:space:]]}
	if [[ $word == --*=* ]]; then
		flag=${word%%=*} word=${word#*=}
	fi
	case $flag in
`)
	for _, f := range flags {
		if f.placeholder == "" {
			continue
		}
		also := ""
		switch {
		case f.files:
			also = "file"
		case f.dirs:
			also = "directory"
		}
		list := ""
		if f.list {
			list = " comma=1"
		}
		fmt.Fprintf(w, "\t--%s) list=%q also=%s%s ;;\n", f.name, strings.Join(f.values, " "), also, list)
	}
	fmt.Fprintf(w, "\tcompletion) list=%q ;;\n", strings.Join(shellNames, " "))
	fmt.Fprintf(w, "\t%s | */%[1]s) list=%q ;;\n", command, strings.Join(append(slices.Clone(words), dashed(flags)...), " "))
	fmt.Fprintf(w, "\t*) list=%q ;;\n\tesac\n", strings.Join(dashed(flags), " "))
	fmt.Fprint(w, `	[[ -n $comma ]] && head=${word%"${word##*,}"}
	COMPREPLY=()
	while IFS= read -r reply; do
		COMPREPLY+=("$reply")
	done < <(compgen -P "$head" -W "$list" -- "${word#"$head"}"; [[ -n $also ]] && compgen -A "$also" -- "$word")
	[[ -n $also ]] && compopt -o filenames 2>/dev/null
	if [[ $COMP_WORDBREAKS == *:* ]]; then
		head=${word%"${word##*[:=]}"}
		COMPREPLY=("${COMPREPLY[@]#"$head"}")
	fi
}
`)
	fmt.Fprintf(w, "complete -F _unroll_%s %[1]s\n", command)
}

func dashed(flags []candidate) (names []string) {
	for _, f := range flags {
		names = append(names, "--"+f.name)
	}
	return names
}

func zsh(w io.Writer, command string, words []string, flags []candidate) {
	fmt.Fprintf(w, "#compdef %s\n# completion of %[1]s in zsh: source <(%[1]s completion zsh), or this as a file _%[1]s on $fpath\n", command)
	fmt.Fprintf(w, "_unroll_%s() {\n\t_arguments \\\n", command)
	for _, f := range flags {
		fmt.Fprintf(w, "\t\t'--%s", f.name)
		if f.placeholder != "" {
			fmt.Fprint(w, "=")
		}
		fmt.Fprintf(w, "[%s]", f.help)
		if f.placeholder != "" {
			fmt.Fprintf(w, ":%s:%s", strings.ReplaceAll(f.placeholder, ":", `\:`), zshAction(f))
		}
		fmt.Fprint(w, "' \\\n")
	}
	fmt.Fprintf(w, "\t\t'1:word:(%s)' '2:shell:(%s)'\n}\n", strings.Join(words, " "), strings.Join(shellNames, " "))
	fmt.Fprintf(w, "if [ \"$funcstack[1]\" = _%s ]; then _unroll_%[1]s \"$@\"; else compdef _unroll_%[1]s %[1]s; fi\n", command)
}

// zshAction says what may stand for a flag's value; a single space stands for nothing that is known.
func zshAction(f candidate) string {
	names := strings.ReplaceAll(strings.Join(f.values, " "), ":", `\:`)
	var parts []string
	switch {
	case names != "" && f.list:
		parts = append(parts, "_sequence compadd - "+names)
	case names != "":
		parts = append(parts, "compadd - "+names)
	}
	switch {
	case f.files:
		parts = append(parts, "_files")
	case f.dirs:
		parts = append(parts, "_files -/")
	}
	if len(parts) == 0 {
		return " "
	}
	return "{" + strings.Join(parts, "; ") + "}"
}

func fish(w io.Writer, command string, words []string, flags []candidate) {
	fmt.Fprintf(w, "# completion of %s in fish: %[1]s completion fish | source\n", command)
	fmt.Fprintf(w, "complete -c %s -f\n", command)
	fmt.Fprintf(w, "complete -c %s -n 'test (count (commandline -opc)) -eq 1' -a '%s'\n", command, strings.Join(words, " "))
	fmt.Fprintf(w, "complete -c %s -n '__fish_seen_subcommand_from completion' -a '%s'\n", command, strings.Join(shellNames, " "))
	for _, f := range flags {
		fmt.Fprintf(w, "complete -c %s -l %s%s -d '%s'\n", command, f.name, fishValue(f), f.help)
	}
}

func fishValue(f candidate) string {
	if f.placeholder == "" {
		return ""
	}
	value := " -x"
	names := strings.Join(f.values, " ")
	switch {
	case f.files:
		value = " -r -F"
	case f.dirs:
		names = strings.TrimSpace(names + " (__fish_complete_directories)")
	}
	switch {
	case len(f.values) > 0 && f.list:
		value += " -a '(__fish_append , " + strings.Join(f.values, " ") + ")'"
	case names != "":
		value += " -a '" + names + "'"
	}
	return value
}
