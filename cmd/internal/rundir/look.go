package rundir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed1498fded/unroll/internal/atomicfile"
)

// maxLook is how many bytes of a file are read to be shown.
const maxLook = 64 << 20

// Read returns what is in one of the run's files, to be shown, or nothing if it is missing. It needs no lock: the log may end in
// the middle of a line.
func Read(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	file, err := openRegular(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxLook+1))
	if err == nil && len(b) > maxLook {
		err = fmt.Errorf("it has more than %d bytes", maxLook)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	return b, nil
}

// Logged returns the lines of the log that are part of the run.
func (f *Folder) Logged() ([]byte, error) {
	b, err := Read(f.dir, Log)
	return b[:min(int64(len(b)), f.log.bytes)], err
}

// Write writes a file about the run that it can do without.
func (f *Folder) Write(name string, content []byte) error {
	if err := atomicfile.WriteFile(f.path(name), content); err != nil {
		return fmt.Errorf("%s: %w", f.path(name), reason(err))
	}
	return nil
}

// Remove removes such a file, if it is there.
func (f *Folder) Remove(name string) error { return f.remove(name) }

// Holds reports whether a run's folder has something of that name.
func Holds(dir, name string) bool { return holds(dir, name) }
