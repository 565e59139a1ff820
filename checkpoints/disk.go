package checkpoints

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// Save writes the file to path, replacing what is there. A reader, or a machine that loses power, finds either the old
// file or the new one, whole: the bytes go to a temporary file in the same directory, which is flushed to disk and then
// renamed, and the directory is flushed too. The mode is 0644 less the umask. Save makes no directories.
//
// When Save fails the old file is untouched, except that a failure to flush the directory comes after the renaming: the
// new file is then in place, but a loss of power may bring back the old one.
func (f *File) Save(path string) error {
	chunks, err := f.encode()
	if err == nil {
		err = atomically(path, func(w io.Writer) error { return writeAll(w, chunks) })
	}
	if err != nil {
		return fmt.Errorf("checkpoints: %s: saving: %w", path, err)
	}
	return nil
}

// Load reads the file at path, which must be of the given kind; an empty kind accepts them all. The error of a file that
// will not do is one of [ErrFormat], [ErrVersion], [ErrChecksum] and [ErrKind], that of a missing file [os.ErrNotExist].
func Load(path, kind string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %s: %w", path, cause(err))
	}
	f, err := decode(b, kind)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %s: %w", path, err)
	}
	return f, nil
}

// atomically replaces the file at path by what write writes, or leaves it as it is.
func atomically(path string, write func(io.Writer) error) (err error) {
	// The directory is opened first, so that one that cannot be flushed is found out before anything has changed.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return cause(err)
	}
	defer dir.Close()

	tmp, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return cause(err)
	}
	defer func() {
		if left := tmp.Cleanup(); left != nil { // does nothing after a success
			err = fmt.Errorf("%w; and %s is left behind: %w", err, tmp.Name(), cause(left))
		}
	}()
	if err := write(tmp); err != nil {
		return cause(err)
	}
	if err := tmp.CloseAtomicallyReplace(); err != nil {
		return cause(err)
	}
	return flush(dir)
}

// flush makes the renaming durable; renameio flushes only the file. Some file systems know no such thing for
// directories, and say so; nothing more can be done there.
func flush(dir *os.File) error {
	err := dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the file is in place, but flushing its directory failed: %w", cause(err))
	}
	return nil
}
