package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CheckOutput reports why a file could not be written to path later: its name has none of the extensions (if any are
// given, such as ".png"), its folder is missing or not writable, or something that cannot be replaced is in the way.
// It leaves what exists as it is. The point is to fail before the work, not after it.
func CheckOutput(path string, extensions ...string) error {
	if path == "" {
		return errors.New("want the name of a file to write, got nothing")
	}
	if len(extensions) > 0 && !slices.ContainsFunc(extensions, func(ext string) bool { return strings.EqualFold(ext, filepath.Ext(path)) }) {
		return fmt.Errorf("%s: want a file name ending in %s", path, strings.Join(extensions, " or "))
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("%s: %w", path, Reason(err))
	case info.IsDir():
		return fmt.Errorf("%s: want a file, but it is a folder", path)
	case !info.Mode().IsRegular():
		// Replacing a device or a pipe by a file is never what was meant.
		return fmt.Errorf("%s: want an ordinary file, but it is none", path)
	default:
		if err := openable(path); err != nil {
			return fmt.Errorf("%s: cannot be written: %w", path, err)
		}
	}
	// A file is best written beside its place and renamed, so its folder has to be writable even if it exists.
	if err := writable(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%s: cannot write to its folder: %w", path, err)
	}
	return nil
}

// CheckFolder reports why files could not be written to a folder later, one that may have to be made first: it has no name, something
// else is in its place, or it, or the folder that it would be made in, is not writable. It leaves everything as it is.
func CheckFolder(path string) error {
	if path == "" {
		return errors.New("want the name of a folder, got nothing")
	}
	at := path
	info, err := os.Stat(at)
	for errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, Reason(err))
	case !info.IsDir():
		return fmt.Errorf("%s: want a folder, but %s is none", path, at)
	}
	if err := writable(at); err != nil {
		return fmt.Errorf("%s: cannot write to %s: %w", path, at, err)
	}
	return nil
}

// SameFile reports whether two paths lead to one file, by another way round, a link, or a spelling that some systems take for
// the same; none of it has to exist. Who writes to the one would then lose what is in the other.
func SameFile(a, b string) bool {
	a, b = resolved(a), resolved(b)
	if x, err := os.Stat(a); err == nil {
		if y, err := os.Stat(b); err == nil {
			return os.SameFile(x, y)
		}
	}
	return strings.EqualFold(a, b)
}

// resolved returns where a path leads, without links as far as it exists.
func resolved(path string) string {
	if to, err := filepath.Abs(path); err == nil {
		path = to
	}
	for range 40 { // links that lead to nothing yet; they may go round in circles
		if to, err := filepath.EvalSymlinks(path); err == nil {
			return to
		}
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// openable reports why an existing file cannot be opened for writing.
func openable(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return Reason(err)
	}
	return file.Close()
}

// writable reports why no file can be created in a folder. It tries, since permission bits do not tell of full or
// read-only disks.
func writable(dir string) error {
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return Reason(err)
	}
	return Reason(errors.Join(probe.Close(), os.Remove(probe.Name())))
}

// Reason strips the operation and the path from an error of a file, which our own wording has already.
func Reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
