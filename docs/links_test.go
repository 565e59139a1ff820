package docs

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// link is [text](target), where the text may hold brackets of its own, as that of a linked picture does.
var link = regexp.MustCompile(`\[(?:[^\[\]]|\[[^\[\]]*\](?:\([^()]*\))?)*\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)

// anchorOf is what GitHub makes of a heading: lower case, blanks as hyphens, and no punctuation but hyphens and underscores.
func anchorOf(heading string) string {
	heading = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// anchors returns the anchors of a page; the second heading of a name is told by a number.
func anchors(p page) map[string]bool {
	found := make(map[string]bool)
	times := make(map[string]int)
	for _, h := range p.headings {
		a := anchorOf(h)
		if n := times[a]; n > 0 {
			found[fmt.Sprintf("%s-%d", a, n)] = true
		}
		times[a]++
		found[a] = true
	}
	return found
}

// broken lists the links of a page, within the repository, that lead nowhere.
func broken(p page, all map[string]page) []string {
	var bad []string
	for _, at := range link.FindAllStringSubmatchIndex(p.prose, -1) {
		target := p.prose[at[2]:at[3]]
		if strings.HasPrefix(target, "https://") {
			continue
		}
		where := fmt.Sprintf("%s:%d: %s", p.path, lineAt(p.prose, at[0]), target)
		file, anchor, anchored := strings.Cut(target, "#")
		to := p.path
		if file != "" {
			to = path.Join(path.Dir(p.path), file)
		}
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(to)))
		if err != nil || strings.HasPrefix(to, "..") || strings.HasPrefix(file, "/") {
			bad = append(bad, where+" is not in the repository")
			continue
		}
		if other, ok := all[to]; anchored && (!ok || !anchors(other)[anchor]) {
			bad = append(bad, where+": no such heading")
		}
	}
	return bad
}

// Law: every link to a file, a folder or a heading of the repository leads there.
func TestLinks(t *testing.T) {
	all, count := make(map[string]page), 0
	for _, p := range pages(t) {
		all[p.path] = p
		count += len(link.FindAllString(p.prose, -1))
	}
	for _, p := range all {
		for _, b := range broken(p, all) {
			t.Error(b)
		}
	}
	require.Greater(t, count, 30)
}

// The guide's table of contents names every page of it.
func TestContents(t *testing.T) {
	files, err := filepath.Glob("guide/*.md")
	require.NoError(t, err)
	require.Greater(t, len(files), 5)
	contents := guide(t, "README.md").prose
	for _, file := range files {
		if name := filepath.Base(file); name != "README.md" {
			assert.Contains(t, contents, "("+name+")")
		}
	}
}

// A link that leads nowhere is told, with its line.
func TestBrokenLinks(t *testing.T) {
	text := "# One, `two` & three\n\n## Same\n## Same\n" +
		"[a](#one-two--three) [b](#same-1) [c](../README.md) [d](guide) [![e](design.md)](design.md)\n" +
		"```sh\n# [no](heading)\n```\n`[code](no.md)`\n[f](#same-2)\n[g\nh](no.md)\n[i](../../x) [j](format.md#no) [k](guide#no) [l](/docs)\n"
	p, err := readPage("docs/design.md", text)
	require.NoError(t, err)
	require.Equal(t, []string{
		"docs/design.md:10: #same-2: no such heading",
		"docs/design.md:11: no.md is not in the repository",
		"docs/design.md:13: ../../x is not in the repository",
		"docs/design.md:13: format.md#no: no such heading",
		"docs/design.md:13: guide#no: no such heading",
		"docs/design.md:13: /docs is not in the repository",
	}, broken(p, map[string]page{"docs/design.md": p}))
	_, err = readPage("x.md", "a\n```go\nb\n")
	require.EqualError(t, err, "x.md:3: a block of code has no end")
}
