// Package docs holds no code, only tests: that links lead somewhere, that Go snippets compile, that command lines are understood by
// the programs they are for, and that the pages of the guide one follows with one's hands do what they say.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the repository, seen from this folder.
const root = ".."

// A page is a Markdown file.
type page struct {
	path     string // from the repository's root, with slashes
	fences   []fence
	prose    string // all outside of fences, line by line, with blanks for inline code
	inline   []span // the inline code
	headings []string
}

// A fence is a block of code.
type fence struct {
	page string
	line int    // of its first line of code
	lang string // first word after the fence; "" if there is none
	file string // what the line before it calls it, as in "as `own/main.go`:"
	text string
}

func (f fence) String() string { return fmt.Sprintf("%s:%d", f.page, f.line) }

// A span is a piece of inline code.
type span struct {
	line int
	text string
}

var (
	fenceLine   = regexp.MustCompile("^ {0,3}```+ *([^`]*)$")
	headingLine = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	fileName    = regexp.MustCompile("(?i)as `([a-z]+/[a-z_]+\\.go)`[^`]*:$")
	inlineCode  = regexp.MustCompile("`(?:[^`\n]|\n[^`\n])+`") // within a paragraph
)

// readPage takes a Markdown text apart.
func readPage(path, text string) (page, error) {
	p := page{path: path}
	var prose strings.Builder
	var open *fence
	named := "" // the file that the last line with anything on it names
	for i, line := range strings.Split(text, "\n") {
		m := fenceLine.FindStringSubmatch(line)
		switch {
		case m != nil && open == nil:
			lang, _, _ := strings.Cut(m[1], " ")
			open = &fence{page: path, line: i + 2, lang: lang, file: named}
		case m != nil:
			p.fences = append(p.fences, *open)
			open, named = nil, ""
		case open != nil:
			open.text += line + "\n"
		default:
			if h := headingLine.FindStringSubmatch(line); h != nil {
				p.headings = append(p.headings, h[1])
			}
			if line != "" {
				named = ""
				if m := fileName.FindStringSubmatch(line); m != nil {
					named = m[1]
				}
			}
			prose.WriteString(line)
		}
		prose.WriteByte('\n') // lines keep their numbers
	}
	if open != nil {
		return p, fmt.Errorf("%s: a block of code has no end", open)
	}
	all := prose.String()
	for _, at := range inlineCode.FindAllStringIndex(all, -1) {
		p.inline = append(p.inline, span{lineAt(all, at[0]), strings.Trim(all[at[0]:at[1]], "`")})
	}
	p.prose = inlineCode.ReplaceAllStringFunc(all, func(code string) string {
		return strings.Map(func(r rune) rune {
			if r == '\n' {
				return r
			}
			return ' '
		}, code)
	})
	return p, nil
}

// lineAt returns the number of the line that a byte of a text is in.
func lineAt(text string, at int) int { return 1 + strings.Count(text[:at], "\n") }

// pages reads every Markdown file of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var list []page
	require.NoError(t, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && file != root && (strings.HasPrefix(name, ".") || name == "runs") {
			return filepath.SkipDir // not the repository's, or what a run has left
		}
		if d.IsDir() || filepath.Ext(file) != ".md" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		p, err := readPage(filepath.ToSlash(rel), string(text))
		list = append(list, p)
		return err
	}))
	require.Greater(t, len(list), 10)
	return list
}

// fencesOf returns the blocks of code in a language.
func fencesOf(list []page, lang string) []fence {
	var found []fence
	for _, p := range list {
		for _, f := range p.fences {
			if f.lang == lang {
				found = append(found, f)
			}
		}
	}
	return found
}

// guide returns a page of the guide.
func guide(t *testing.T, name string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("guide", name))
	require.NoError(t, err)
	p, err := readPage("docs/guide/"+name, string(text))
	require.NoError(t, err)
	return p
}
