// Package atomicfile replaces files whole. A reader, or a machine that loses power, finds either the old file or the new
// one.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file at path by what fill writes, or leaves it as it is: the bytes go to a temporary file in the same
// folder, which is flushed to disk and then renamed, and the folder is flushed too. The new file has the permissions of
// the regular file that it replaces, or else 0644 less the umask; a symbolic link is replaced, not followed. Write makes
// no folders. Its errors are of type *[fs.PathError] and name path.
//
// When Write fails the old file is untouched, except that a failure to flush the folder comes after the renaming: the
// new file is then in place, but a loss of power may bring back the old one. A program that is killed while it writes
// leaves the temporary file behind, which [Clean] removes.
func Write(path string, fill func(io.Writer) error) error {
	if err := write(osDisk{}, path, fill); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// WriteFile is [Write] of content.
func WriteFile(path string, content []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Temporary files have names of their own rather than that of their file with something at the end, which might be too
// long. There is a number for each that is there at one time.
const (
	temporary = ".unroll-%d.tmp"
	leftovers = ".unroll-*.tmp"
)

// Clean removes what killed programs have left behind of their writing to files in the folder dir. Whoever calls it must
// know that nobody writes there now, by a lock for instance: the files of a writer at work look the same.
func Clean(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		// No pattern is wrong here, so Match has no error.
		if ours, _ := filepath.Match(leftovers, e.Name()); ours && e.Type().IsRegular() {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// A disk is what writing asks of the operating system. Tests record its calls, and let them fail one by one.
type disk interface {
	// openDir opens a folder to be flushed.
	openDir(dir string) (syncer, error)
	// create makes a file that must not be there yet.
	create(name string, perm fs.FileMode) (file, error)
	rename(from, to string) error
	remove(name string) error
}

type syncer interface {
	Sync() error
	Close() error
}

type file interface {
	io.Writer
	syncer
	Chmod(fs.FileMode) error
}

func write(d disk, path string, fill func(io.Writer) error) (err error) {
	// The folder is opened first, so that one that cannot be flushed is found out before anything has changed.
	dir, err := d.openDir(filepath.Dir(path))
	if err != nil {
		return cause(err)
	}
	defer dir.Close()

	f, name, err := create(d, path)
	if err != nil {
		return cause(err)
	}
	if err = fillAndFlush(f, fill); err == nil {
		err = d.rename(name, path)
	}
	if err != nil {
		if left := d.remove(name); left != nil {
			return fmt.Errorf("%w; and %s is left behind: %w", cause(err), name, cause(left))
		}
		return cause(err)
	}
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("the file is in place, but flushing its folder failed: %w", cause(err))
	}
	return nil
}

// create makes the temporary file of path, with the permissions that are to be those of path.
func create(d disk, path string) (f file, name string, err error) {
	perm := fs.FileMode(0o644)
	old, err := os.Lstat(path)
	keep := err == nil && old.Mode().IsRegular()
	if keep {
		perm = old.Mode().Perm()
	}
	for i := 0; ; i++ {
		name = filepath.Join(filepath.Dir(path), fmt.Sprintf(temporary, i))
		f, err = d.create(name, perm)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err == nil && keep { // the umask has been taken off permissions that it does not concern
		if err = f.Chmod(perm); err != nil {
			return nil, "", errors.Join(err, f.Close(), d.remove(name))
		}
	}
	return f, name, err
}

// fillAndFlush writes the file, to the disk, and closes it. A file that is renamed before it is flushed may be empty after
// a loss of power.
func fillAndFlush(f file, fill func(io.Writer) error) error {
	err := fill(f)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// cause strips the file names that package os puts into its errors: those of temporary files help nobody.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	if linkErr, ok := errors.AsType[*os.LinkError](err); ok {
		return linkErr.Err
	}
	return err
}
