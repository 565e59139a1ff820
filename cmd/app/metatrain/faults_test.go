package metatrain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
)

// A fault is what a brokenDisk does at one of its operations.
type fault struct {
	late bool // the operation takes place, as far as it is one that may be told to have failed after that, or half of it
	dead bool // so do all later ones fail: what they would have done comes too late, the process has been killed
}

var errDisk = errors.New("the disk is broken")

// A brokenDisk does what the real one does, except for one operation.
type brokenDisk struct {
	rundir.OS
	fault
	left int // operations before the broken one
	past bool
}

// do is one operation. Half of it, if it has one, is what it may leave behind.
func (d *brokenDisk) do(all, half func() error) error {
	d.left--
	switch {
	case d.past && d.dead:
		return errDisk
	case d.left != -1:
		return all()
	}
	d.past = true
	if d.late {
		_ = half() // such as to remove what is not there
	}
	return errDisk
}

func (d *brokenDisk) MkdirAll(dir string) error {
	all := func() error { return d.OS.MkdirAll(dir) }
	return d.do(all, all)
}

func (d *brokenDisk) Clean(dir string) error {
	all := func() error { return d.OS.Clean(dir) }
	return d.do(all, all)
}

func (d *brokenDisk) Remove(path string) error {
	all := func() error { return d.OS.Remove(path) }
	return d.do(all, all)
}

func (d *brokenDisk) Lock(path string) (lock io.Closer, abandoned bool, err error) {
	err = d.do(func() error {
		lock, abandoned, err = d.OS.Lock(path)
		return err
	}, func() error { // killed right afterwards
		lock, _, err := d.OS.Lock(path)
		return errors.Join(err, lock.Close())
	})
	return lock, abandoned, err
}

func (d *brokenDisk) OpenLog(path string) (file rundir.LogFile, err error) {
	err = d.do(func() error {
		file, err = d.OS.OpenLog(path)
		return err
	}, func() error {
		file, err := d.OS.OpenLog(path)
		return errors.Join(err, file.Close())
	})
	return brokenLog{file, d}, err
}

func (d *brokenDisk) Save(path string, file rundir.Saver) error {
	all := func() error { return d.OS.Save(path, file) }
	return d.do(all, func() error {
		if d.dead {
			return os.WriteFile(filepath.Join(filepath.Dir(path), ".unroll-0.tmp"), []byte("half"), 0o644)
		}
		return all() // flushing the folder has failed
	})
}

type brokenLog struct {
	rundir.LogFile
	disk *brokenDisk
}

func (l brokenLog) Truncate(n int64) error {
	all := func() error { return l.LogFile.Truncate(n) }
	return l.disk.do(all, all)
}

func (l brokenLog) WriteAt(p []byte, off int64) (n int, err error) {
	err = l.disk.do(func() error {
		n, err = l.LogFile.WriteAt(p, off)
		return err
	}, func() error {
		_, err := l.LogFile.WriteAt(p[:len(p)/2], off)
		return err
	})
	return n, err
}

func (l brokenLog) Sync() error { return l.disk.do(l.LogFile.Sync, func() error { return nil }) }

func (l brokenLog) Close() error { return l.disk.do(l.LogFile.Close, l.LogFile.Close) }

// attempt learns on a disk.
func attempt(t *testing.T, disk rundir.Disk, args ...string) error {
	t.Helper()
	var o options
	_, err := cli.Parse("metatrain", description, &o, args, io.Discard, io.Discard, vars())
	require.NoError(t, err)
	s, err := newSession(context.Background(), o, disk)
	if err != nil {
		return err
	}
	progress, err := cli.NewProgress("off", io.Discard, "")
	require.NoError(t, err)
	return errors.Join(s.train(context.Background(), progress), s.Close())
}

// TestEveryFault lets every operation on the files of a run fail, in every way, in runs of every kind. Whatever is left can
// be resumed, or if there is no checkpoint started again, and ends like the run that nothing happened to.
func TestEveryFault(t *testing.T) {
	args := []string{
		"--problem", "quadratic", "--rule", "momentum", "--horizon", "2", "--window", "1", "--copies", "1", "--every", "2", "--episodes", "3",
	}
	want := learned(t, args...)
	old := filepath.Join(t.TempDir(), "old")
	require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--episodes", "2", "--out", old)...))

	for name, c := range map[string]struct {
		prepare func(dir string)
		args    func(dir string) []string
	}{
		"start": {
			func(string) {},
			func(dir string) []string { return append(args, "--out", dir) },
		},
		"resume": {
			func(dir string) { require.NoError(t, os.CopyFS(dir, os.DirFS(old))) },
			func(dir string) []string { return []string{"--resume", dir, "--episodes", "3"} },
		},
		"resume into another folder": {
			func(string) {},
			func(dir string) []string { return []string{"--resume", old, "--out", dir, "--episodes", "3"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range []fault{{}, {late: true}, {late: true, dead: true}} {
				k := 0
				for ; ; k++ {
					dir := filepath.Join(t.TempDir(), "run")
					c.prepare(dir)
					disk := &brokenDisk{fault: f, left: k}
					err := attempt(t, disk, c.args(dir)...)
					if !disk.past {
						require.NoError(t, err)
						break
					}
					what := fmt.Sprintf("operation %d, %+v: %v", k, f, err)
					require.ErrorIs(t, err, errDisk, what)
					again := c.args(dir)
					if _, err := os.Stat(filepath.Join(dir, trainFile)); err == nil {
						again = []string{"--resume", dir, "--episodes", "3"}
					}
					require.NoError(t, attempt(t, rundir.OS{}, again...), what)
					require.Equal(t, want, clitest.Tree(t, dir), what)
				}
				require.GreaterOrEqual(t, k, 10, "operations")
			}
		})
	}
}
