package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/app"
)

// A command is a line of a shell: words without their quotes.
type command []string

// shell takes a text apart as a shell does, as far as these pages go: quotes, comments, lines that go on, && and pipes. Redirections are
// left out.
func shell(text string) ([]command, error) {
	var all []command
	var now command
	var word strings.Builder
	inWord, quote := false, byte(0)
	endWord := func() {
		if inWord {
			now = append(now, word.String())
		}
		word.Reset()
		inWord = false
	}
	end := func() {
		endWord()
		if at := slices.Index(now, ">"); at >= 0 {
			now = slices.Delete(now, at, min(at+2, len(now)))
		}
		if len(now) > 0 {
			all = append(all, now)
		}
		now = nil
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			if i++; text[i] != '\n' {
				word.WriteByte(text[i])
				inWord = true
			}
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '#' && !inWord:
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case strings.IndexByte("\n;&|", c) >= 0:
			end()
		case c == '>':
			endWord()
			now = append(now, ">")
		case c == ' ' || c == '\t':
			endWord()
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	end()
	if quote != 0 {
		return nil, fmt.Errorf("a quote has no end")
	}
	return all, nil
}

// ourCommands are those of cmd, by the name that app knows.
var ourCommands = []string{"metatrain", "compare", "identify", "metagrad"}

// everyday are commands of the shell that need no check.
var everyday = []string{"cd", "cp", "cat", "mkdir", "ls", "rm", "git", "source", "touch", "tr", "chmod", "cmp", "head", "docker",
	"base64", "sbatch", "kubectl", "openssl", "ssh", "scp", "tail", "seq", "sed", "echo", "wait", "export"}

// readers is the program that the guide has its reader write.
const readers = "./own"

var assignment = regexp.MustCompile(`^[A-Z_]+=`)

// ofOurs returns the arguments for app, if a command runs one of ours: by go run, installed, or as a part of a program of the reader's.
func ofOurs(c command) ([]string, bool) {
	name, args := c[0], c[1:]
	if name == "go" && len(args) > 1 && args[0] == "run" {
		name, args = args[1], args[2:]
	}
	name = strings.TrimPrefix(name, "./cmd/")
	if strings.HasPrefix(name, "./") && len(args) > 0 && slices.Contains(ourCommands, args[0]) {
		return args, true
	}
	return append([]string{name}, args...), slices.Contains(ourCommands, name)
}

// understood reports what is wrong with a command in a page of a folder.
func understood(c command, folder string) error {
	for len(c) > 0 && (assignment.MatchString(c[0]) || c[0] == "time") {
		c = c[1:]
	}
	if len(c) == 0 || slices.Contains(everyday, c[0]) {
		return nil
	}
	if args, ok := ofOurs(c); ok {
		return flags(args)
	}
	switch {
	case c[0] == "go":
		return ofGo(c)
	case c[0] == "make":
		return targets(c[1:])
	case c[0] == "pip":
		return exists(folder, c[len(c)-1])
	case strings.HasPrefix(filepath.Base(c[0]), "python"), c[0] == "bash":
		return exists(folder, c[1])
	}
	return fmt.Errorf("no program %s is known here", c[0])
}

// flags has one of our commands read its arguments. It then prints its help, and does nothing.
func flags(args []string) error {
	if len(args) > 1 && args[1] == "completion" {
		return app.Run(context.Background(), args, io.Discard, io.Discard)
	}
	return app.Run(context.Background(), append(slices.Clone(args), "--help"), io.Discard, io.Discard)
}

// ofGo checks that the packages of a go command exist, and that a program of this module has the flags it is given.
func ofGo(c command) error {
	if c[1] == "mod" {
		return nil
	}
	for i, arg := range c[2:] {
		if !strings.HasPrefix(arg, "./") || arg == readers {
			continue
		}
		arg = strings.TrimSuffix(arg, "/...")
		if err := exists("", arg); err != nil {
			return err
		}
		if c[1] == "run" {
			return declared(arg, c[2+i+1:])
		}
	}
	return nil
}

// exists reports that there is no file or folder, in the page's folder or the repository's.
func exists(folder, name string) error {
	if strings.HasPrefix(name, "bench/.venv/") || strings.HasPrefix(name, "-") {
		return nil
	}
	for _, dir := range []string{folder, ""} {
		if _, err := os.Stat(filepath.Join(root, dir, name)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("there is no %s", name)
}

// targets reports what the Makefile does not make.
func targets(args []string) error {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return err
	}
	for _, target := range args {
		if !strings.Contains(target, "=") && !strings.Contains("\n"+string(text), "\n"+target+":") {
			return fmt.Errorf("the Makefile has no %s", target)
		}
	}
	return nil
}

// declared reports flags that the source of a program does not declare by package flag.
func declared(folder string, args []string) error {
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("%s is no program", folder)
	}
	have := make(map[string]bool)
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return err
		}
		if f.Name.Name != "main" {
			return fmt.Errorf("%s is no program", folder)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if name, err := strconv.Unquote(lit.Value); err == nil {
					have[name] = true
				}
			}
			return true
		})
	}
	for _, arg := range args {
		if name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "="); strings.HasPrefix(arg, "-") && !have[name] {
			return fmt.Errorf("%s has no flag %s", folder, arg)
		}
	}
	return nil
}

// commandsOf lists the commands in a block.
func commandsOf(t *testing.T, f fence) []command {
	t.Helper()
	list, err := shell(f.text)
	require.NoError(t, err, f.String())
	return list
}

// Law: every command line in a Markdown file runs a program that there is, with flags that it has and values that these take.
func TestCommandLines(t *testing.T) {
	count := 0
	for _, f := range fencesOf(pages(t), "sh") {
		for _, c := range commandsOf(t, f) {
			count++
			if err := understood(c, filepath.Dir(f.page)); err != nil {
				t.Errorf("%s: %s: %v", f, strings.Join(c, " "), err)
			}
		}
	}
	require.Greater(t, count, 40)
}

// What is not understood is told.
func TestBadCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"go run ./cmd/metatrain --no-such-flag 3":       "unknown flag --no-such-flag",
		"X=1 go run ./cmd/compare \\\n --steps 'many' ": "--steps",
		"metagrad --episodes":                           "--episodes",
		"./own metatrain --budgett 3s":                  "--budgett",
		"cd a && go run ./cmd/nosuch":                   "there is no ./cmd/nosuch",
		"go run ./bench/ours --nosuch 3":                "./bench/ours has no flag --nosuch",
		"go test ./meta/nosuch | cat":                   "there is no ./meta/nosuch",
		"make nosuch":                                   "the Makefile has no nosuch",
		"python3 nosuch.py":                             "there is no nosuch.py",
		"nosuch # 'a comment":                           "no program nosuch",
	} {
		list, err := shell(line)
		require.NoError(t, err)
		err = nil
		for _, c := range list {
			err = errors.Join(err, understood(c, "docs"))
		}
		require.ErrorContains(t, err, want, line)
	}
	_, err := shell("a 'b")
	require.Error(t, err)
	list, err := shell("a b\\\n c > d; e 'f\n\"g' # h\ni&&j|k")
	require.NoError(t, err)
	require.Equal(t, []command{{"a", "b", "c"}, {"e", "f\n\"g"}, {"i"}, {"j"}, {"k"}}, list)
}

var (
	longFlag = regexp.MustCompile(`(?:^|[\s('/])(--[a-z][a-z-]*)`)
	// otherFlags belong to what is not ours, or to programs of bench.
	otherFlags = []string{"--work", "--time", "--peer", "--torch", "--write", "--check", "--rounds", "--seconds", "--figure", "--seeds"}
)

// Law: a flag that running text speaks of is one that some command has.
func TestFlagsInText(t *testing.T) {
	var help bytes.Buffer
	for _, name := range ourCommands {
		require.NoError(t, app.Run(context.Background(), []string{name, "--help"}, &help, io.Discard))
	}
	have := make(map[string]bool)
	for _, m := range longFlag.FindAllStringSubmatch(help.String(), -1) {
		have[m[1]] = true
	}
	for _, p := range pages(t) {
		if p.path == "docs/scale.md" || strings.HasPrefix(p.path, "deploy/") {
			continue // they speak of other programs' flags too
		}
		for _, code := range p.inline {
			for _, m := range longFlag.FindAllStringSubmatch(code.text, -1) {
				if !have[m[1]] && !slices.Contains(otherFlags, m[1]) {
					t.Errorf("%s:%d: no command has %s", p.path, code.line, m[1])
				}
			}
		}
	}
}
