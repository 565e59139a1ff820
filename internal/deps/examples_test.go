package deps

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Examples show what a reader can do in a program of his own, and so import nothing that is closed to him.
func TestExamplesImportNothingInternal(t *testing.T) {
	examples := 0
	require.NoError(t, filepath.WalkDir(filepath.Join("..", ".."), func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(d.Name(), "example") || !strings.HasSuffix(d.Name(), "_test.go") || strings.Contains(file, "internal") {
			return err
		}
		examples++
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range parsed.Imports {
			require.NotContains(t, i.Path.Value, "/internal/", file)
		}
		return nil
	}))
	require.Greater(t, examples, 3)
}
