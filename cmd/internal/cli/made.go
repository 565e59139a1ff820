package cli

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/internal/build"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/meta/eval/page"
)

// made tells how an outcome came about: the command that makes it again, by what program, on what machine, and when.
func (j Job) made(took time.Duration) []page.Fact {
	where := fmt.Sprintf("%d processors, %d in use", runtime.NumCPU(), runtime.GOMAXPROCS(0))
	if bytes := machine.Memory(); bytes > 0 {
		where += fmt.Sprintf(", %.0f GB of memory", float64(bytes)/1e9)
	}
	return []page.Fact{
		{Name: "command", Text: CommandLine(j.Name, j.Args, os.Environ(), j.Flags), Code: true},
		{Name: "program", Text: build.Here().String()},
		{Name: "machine", Text: where},
		{Name: "made", Text: time.Now().Format("2006-01-02 15:04 MST") + ", in " + took.Round(time.Second/10).String()},
	}
}

// CommandLine writes a command as a shell takes it, with what those flags have from the environment in front, and no other variables:
// what belongs to other commands, such as a token, is nobody's business.
func CommandLine(name string, args, environment, flags []string) string {
	var words []string
	for _, v := range environment {
		variableName, value, _ := strings.Cut(v, "=")
		ours := slices.ContainsFunc(flags, func(flag string) bool { return variable(flag) == variableName })
		if ours && value != "" {
			words = append(words, variableName+"="+shellQuote(value))
		}
	}
	slices.Sort(words)
	words = append(words, name)
	for _, a := range args {
		words = append(words, shellQuote(a))
	}
	return strings.Join(words, " ")
}

// plainWord is what a shell leaves as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./,:=+@%-]+$`)

func shellQuote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
