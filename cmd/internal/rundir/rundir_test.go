package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/meta"
)

// checkpoint is a training checkpoint that says nothing.
func checkpoint() *checkpoints.File {
	return &checkpoints.File{Kind: meta.KindTraining, Meta: map[string]string{}}
}

// run makes a folder that holds a run with these lines in its log.
func run(t *testing.T, dir string, lines ...string) {
	t.Helper()
	f, err := Create(OS{}, dir)
	require.NoError(t, err)
	for _, line := range lines {
		f.Append([]byte(line + "\n"))
	}
	require.NoError(t, f.Save(checkpoint(), nil))
	require.NoError(t, f.Close())
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A run has its folder to itself, however the other one comes to it, and the refusal names the process that has it.
func TestOneAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(OS{}, dir)
	require.NoError(t, err)
	held := fmt.Sprintf("%s: process %d is running in it", dir, os.Getpid())
	_, err = Create(OS{}, dir)
	require.EqualError(t, err, held)
	require.NoError(t, f.Save(checkpoint(), nil))
	_, err = Open(OS{}, dir)
	require.EqualError(t, err, held)
	require.NoError(t, f.Close())
	require.Equal(t, []string{Log, Train}, names(t, dir), "the lock is gone")

	f, err = Open(OS{}, dir)
	require.NoError(t, err)
	_, err = Open(OS{}, dir)
	require.EqualError(t, err, held)
	_, err = Load(dir)
	require.NoError(t, err, "to be copied while it runs")
	require.NoError(t, f.Close())
}

// Of many that begin in one folder at the same moment one gets it, also while others give it free.
func TestRace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "run")
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 200 {
				f, err := Create(OS{}, dir)
				if err != nil {
					continue
				}
				// Nobody else is here, or else this is in the way.
				alone := filepath.Join(dir, "alone")
				if err := os.Mkdir(alone, 0o777); err != nil {
					t.Error(err)
				}
				if err := errors.Join(os.Remove(alone), f.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Empty(t, names(t, dir))
}

// What a process leaves that died before its first checkpoint is no run. What anybody else has put there is not touched.
func TestBeginAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // the error; none if a run can begin
	}{
		{"an empty folder", nil, ""},
		{"killed at once", map[string]string{Lock: ""}, ""},
		{"killed later", map[string]string{Lock: "123\n", Log: "", ".unroll-0.tmp": "half a ch"}, ""},
		{"an older version killed", map[string]string{Log: ""}, ""},
		{"killed while it copied a log", map[string]string{Lock: "123\n", Log: "{}\n{}\n"}, ""},
		{"a log that somebody keeps", map[string]string{Log: "{}\n"}, ": it holds the log of a run, but nothing to resume it from"},
		{"a run", map[string]string{Train: "", Log: ""}, ": it holds a run already; go on with it by --resume "},
		{"a killed run", map[string]string{Train: "", Log: "", Lock: "123\n"}, ": it holds a run already; go on with it by --resume "},
		{"a rule", map[string]string{Optimizer: ""}, ": it holds the rule of a run, but nothing to resume it from"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			clitest.WriteFile(t, filepath.Join(dir, "notes.txt"), "mine")
			for name, text := range c.files {
				clitest.WriteFile(t, filepath.Join(dir, name), text)
			}
			before := names(t, dir)
			f, err := Create(OS{}, dir)
			if c.want != "" {
				require.ErrorContains(t, err, dir+c.want)
				delete(c.files, Lock)
				require.Len(t, names(t, dir), 1+len(c.files), "%v", before)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{"notes.txt", Lock}, names(t, dir))
			require.NoError(t, f.Close())
			require.Equal(t, []string{"notes.txt"}, names(t, dir))
		})
	}
}

// A folder that can't be made or written to is reported before anything is done.
func TestNoFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteFile(t, "file", "")
	for _, dir := range []string{"file", "file/sub"} {
		_, err := Create(OS{}, dir)
		require.EqualError(t, err, dir+": cannot create the folder: not a directory")
	}
	if os.Geteuid() == 0 {
		return // who may write anywhere
	}
	require.NoError(t, os.Mkdir("locked", 0o555))
	_, err := Create(OS{}, "locked")
	require.EqualError(t, err, "locked: cannot lock the folder: run.lock: permission denied")
	_, err = Create(OS{}, "locked/sub")
	require.EqualError(t, err, "locked/sub: cannot create the folder: permission denied")
}

// A folder that is refused for want of a checkpoint is left as it is, and the error says what to do.
func TestNothingToResume(t *testing.T) {
	dir := t.TempDir()
	clitest.WriteFile(t, filepath.Join(dir, Log), "")
	_, err := Open(OS{}, dir)
	require.ErrorContains(t, err, "nothing has been saved there, so begin the run again")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, []string{Log}, names(t, dir))
	clitest.WriteFile(t, filepath.Join(dir, Optimizer), "a rule")
	_, err = Open(OS{}, dir)
	require.NotContains(t, err.Error(), "begin", "which would be refused")
	_, err = Open(OS{}, filepath.Join(dir, "nowhere"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), "begin")
	require.NoDirExists(t, filepath.Join(dir, "nowhere"))
}

// The log and the lock of a run must be regular files of the folder's own: nothing is written, or waited for, elsewhere.
func TestLinksAreNotFollowed(t *testing.T) {
	for _, name := range []string{Log, Lock} {
		for what, c := range map[string]struct {
			put  func(path, precious string) error
			want string
		}{
			"link":          {func(path, precious string) error { return os.Symlink(precious, path) }, "a symbolic link, not a regular file"},
			"dangling link": {func(path, _ string) error { return os.Symlink("nowhere", path) }, "a symbolic link, not a regular file"},
			"folder":        {func(path, _ string) error { return os.Mkdir(path, 0o777) }, "a folder, not a regular file"},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				precious := filepath.Join(t.TempDir(), "precious")
				clitest.WriteFile(t, precious, "keep me\n")
				fresh, old := t.TempDir(), filepath.Join(t.TempDir(), "run")
				run(t, old, "one")
				require.NoError(t, os.RemoveAll(filepath.Join(old, name)))
				for _, dir := range []string{fresh, old} {
					require.NoError(t, c.put(filepath.Join(dir, name), precious))
				}

				_, err := Create(OS{}, fresh)
				require.ErrorContains(t, err, name)
				require.ErrorContains(t, err, c.want)
				require.Equal(t, []string{name}, names(t, fresh))

				f, err := Open(OS{}, old)
				if err == nil {
					_, err = Load(old)
					f.Append([]byte("two\n"))
					require.ErrorContains(t, f.Save(checkpoint(), nil), c.want, "if it became one since")
					require.NoError(t, f.Close())
				}
				require.ErrorContains(t, err, c.want)
				text, err := os.ReadFile(precious)
				require.NoError(t, err)
				require.Equal(t, "keep me\n", string(text))
			})
		}
	}
}

// A rule is a Saver that writes its text, or fails if that is empty.
type rule string

func (r rule) Save(path string) error {
	if r == "" {
		return errors.New("no rule")
	}
	return os.WriteFile(path, []byte(r), 0o666)
}

// The optimizer is written with each validation and only then, and when that failed with the next Save.
func TestOptimizerFollowsValidations(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(OS{}, dir)
	require.NoError(t, err)
	save := func(optimizer Saver, want string) {
		t.Helper()
		require.NoError(t, f.Save(checkpoint(), optimizer))
		require.Equal(t, want, clitest.Tree(t, dir)[Optimizer])
	}
	require.NoError(t, f.Save(checkpoint(), nil))
	require.NoFileExists(t, filepath.Join(dir, Optimizer))
	save(rule("the first"), "the first")
	save(rule("nobody has validated it"), "the first")
	f.Append([]byte("one\n"))
	save(rule("the second"), "the second")
	f.Append([]byte("two\n"))
	require.ErrorContains(t, f.Save(checkpoint(), rule("")), "no rule")
	require.Equal(t, "one\ntwo\n", clitest.Tree(t, dir)[Log])
	save(rule("the third"), "the third")
	require.NoError(t, f.Finish([]byte("the end\n"), rule("the last")))
	save(rule("stopped at once"), "the last")
	require.Equal(t, "one\ntwo\nthe end\n", clitest.Tree(t, dir)[Log])
	require.NoError(t, f.Close())

	require.NoError(t, os.Remove(filepath.Join(dir, Optimizer)))
	f, err = Open(OS{}, dir)
	require.NoError(t, err)
	save(rule("it was killed before this"), "it was killed before this")
	require.NoError(t, f.Close())
}

// In place of a checkpoint a link is replaced, and what it led to stays.
func TestLinkedCheckpoint(t *testing.T) {
	dir, precious := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "precious")
	run(t, dir, "one")
	train := filepath.Join(dir, Train)
	require.NoError(t, os.Rename(train, precious))
	before := clitest.Tree(t, filepath.Dir(precious))
	require.NoError(t, os.Symlink(precious, train))
	f, err := Open(OS{}, dir)
	require.NoError(t, err)
	saved, err := Load(dir)
	require.NoError(t, err)
	f.Continue(saved)
	require.NoError(t, saved.Close())
	f.Append([]byte("two\n"))
	require.NoError(t, f.Save(checkpoint(), nil))
	require.NoError(t, f.Close())
	require.Equal(t, before, clitest.Tree(t, filepath.Dir(precious)))
	info, err := os.Lstat(train)
	require.NoError(t, err)
	require.True(t, info.Mode().IsRegular())
	require.Equal(t, "one\ntwo\n", clitest.Tree(t, dir)[Log])
}

// A log that is missing, short, or not of the run is refused, whatever its size, and the error says what can be done.
func TestLogsThatWillNotDo(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		want  string
	}{
		"missing": {os.Remove, "log.jsonl: no such file"},
		"short":   {func(path string) error { return os.Truncate(path, 3) }, "log.jsonl has 3 bytes, want at least 8"},
		"sparse": {func(path string) error {
			_ = os.Remove(path)
			return os.WriteFile(path, nil, 0o666)
		}, "log.jsonl has 0 bytes"},
		"zeros": {func(path string) error {
			if err := os.Truncate(path, 0); err != nil {
				return err
			}
			return os.Truncate(path, 5<<30)
		}, "log.jsonl has no line that ends after 8 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			run(t, dir, "one", "two")
			require.NoError(t, c.spoil(filepath.Join(dir, Log)))
			_, err := Load(dir)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "put the log back, or begin a new run --from ")
		})
	}
}

// Of a log only what belongs to the checkpoint is read, so a file without end is no matter.
func TestLongLog(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "other")
	run(t, dir, "one", "two")
	require.NoError(t, os.Truncate(filepath.Join(dir, Log), 5<<30))
	saved, err := Load(dir)
	require.NoError(t, err)
	f, err := Create(OS{}, other)
	require.NoError(t, err)
	require.NoError(t, f.Copy(saved))
	require.NoError(t, saved.Close())
	require.NoError(t, f.Save(checkpoint(), nil))
	require.NoError(t, f.Close())
	require.Equal(t, "one\ntwo\n", clitest.Tree(t, other)[Log])

	for _, n := range []string{"", "-1", "1e3", strconv.FormatInt(5<<30+1, 10)} {
		train := checkpoint()
		train.Meta[metaLog] = n
		require.NoError(t, train.Save(filepath.Join(dir, Train)))
		_, err := Load(dir)
		require.Error(t, err, n)
		if n != strconv.FormatInt(5<<30+1, 10) {
			want := fmt.Sprintf("%s: metadata \"log_bytes\" is %q, want the length of the log", filepath.Join(dir, Train), n)
			require.EqualError(t, err, want)
		}
		require.False(t, strings.Contains(err.Error(), "\n"))
	}
}
