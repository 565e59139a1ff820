package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/atomicfile"
)

func TestCheckOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("old.png", []byte("pixels"), 0o666))
	require.NoError(t, os.Mkdir("folder.png", 0o777))
	for _, c := range []struct{ path, want string }{
		{"new.png", ""},
		{"NEW.PNG", ""},
		{"new.svg", ""},
		{"old.png", ""},
		{"folder.png/new.svg", ""},
		{"", "want the name of a file to write, got nothing"},
		{"new.txt", "new.txt: want a file name ending in .png or .svg"},
		{"new", "new: want a file name ending in .png or .svg"},
		{"none/new.png", "none/new.png: cannot write to its folder: no such file or directory"},
		{"old.png/new.png", "old.png/new.png: not a directory"},
		{"folder.png", "folder.png: want a file, but it is a folder"},
	} {
		err := CheckOutput(c.path, ".png", ".svg")
		if c.want == "" {
			require.NoError(t, err, c.path)
		} else {
			require.EqualError(t, err, c.want)
		}
	}
	require.NoError(t, CheckOutput("anything"))
	text, err := os.ReadFile("old.png")
	require.NoError(t, err)
	require.Equal(t, "pixels", string(text))
	requireNames(t, ".", "folder.png", "old.png")
	requireNames(t, "folder.png")
}

// TestLongNames shows that a name is either too long at once or not at all.
func TestLongNames(t *testing.T) {
	t.Chdir(t.TempDir())
	longest := strings.Repeat("n", 255)
	require.NoError(t, CheckOutput(longest))
	require.NoError(t, atomicfile.WriteFile(longest, nil))
	require.ErrorContains(t, CheckOutput(longest+"n"), "file name too long")
}

func TestSameFile(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("dir", 0o777))
	require.NoError(t, os.Symlink("dir", "other"))
	require.NoError(t, os.WriteFile("old", []byte("x"), 0o666))
	require.NoError(t, os.WriteFile("copy", []byte("x"), 0o666))
	require.NoError(t, os.Link("old", "hard"))
	require.NoError(t, os.Symlink("old", "soft"))
	require.NoError(t, os.Symlink("new", "dangling"))
	require.NoError(t, os.Symlink("round", "round"))
	here, err := os.Getwd()
	require.NoError(t, err)
	for _, same := range [][2]string{
		{"new", "new"}, {"new", "./new"}, {"new", filepath.Join(here, "new")}, {"new", "dir/../new"}, {"dir/new", "other/new"},
		{"new", "NEW"}, {"old", "hard"}, {"old", "soft"}, {"hard", "soft"}, {"new", "dangling"}, {"dir", "other"}, {"round", "round"},
		{"none/x", "none/x"},
	} {
		require.True(t, SameFile(same[0], same[1]), same)
		require.True(t, SameFile(same[1], same[0]), same)
	}
	for _, other := range [][2]string{{"old", "copy"}, {"old", "new"}, {"new", "dir/new"}, {"soft", "copy"}, {"round", "new"}, {"dir", "."}} {
		require.False(t, SameFile(other[0], other[1]), other)
		require.False(t, SameFile(other[1], other[0]), other)
	}
}

func TestOutputWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("kept.png", nil, 0o444))
	require.EqualError(t, CheckOutput("kept.png"), "kept.png: cannot be written: permission denied")
	require.NoError(t, os.Mkdir("locked", 0o555))
	locked := filepath.Join("locked", "new.png")
	require.EqualError(t, CheckOutput(locked), "locked/new.png: cannot write to its folder: permission denied")
}

// requireNames checks what a folder holds: a probe left behind would show.
func requireNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, want, names)
}
