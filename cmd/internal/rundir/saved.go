package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/meta"
)

// metaLog is the metadata key under which a training checkpoint holds the length of the log that belongs to it.
const metaLog = "log_bytes"

// Saved is what there is to go on from.
type Saved struct {
	Train    *checkpoints.File
	log      *os.File // nil if it is empty
	logBytes int64    // those that belong to Train
}

// Load reads a run's checkpoint and opens its log. It needs no lock to find two that belong together: it takes the
// checkpoint first, and the part of the log that a checkpoint has does not change any more. So a run can be copied while
// it goes on, or from where nothing can be written. Close the result.
func Load(dir string) (*Saved, error) {
	train, err := checkpoints.Load(filepath.Join(dir, Train), meta.KindTraining)
	if err != nil {
		return nil, err
	}
	s := &Saved{Train: train}
	if s.logBytes, err = strconv.ParseInt(train.Meta[metaLog], 10, 64); err != nil || s.logBytes < 0 {
		return nil, fmt.Errorf("%s: metadata %q is %.40q, want the length of the log", filepath.Join(dir, Train), metaLog, train.Meta[metaLog])
	}
	if s.logBytes == 0 {
		return s, nil
	}
	if s.log, err = openPart(filepath.Join(dir, Log), s.logBytes); err != nil {
		return nil, fmt.Errorf("%w; put the log back, or begin a new run --from %s", err, filepath.Join(dir, Optimizer))
	}
	return s, nil
}

// openPart opens a log for reading, and reports one whose first n bytes can't be lines.
func openPart(path string, n int64) (*os.File, error) {
	file, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	if err := checkPart(file, n); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", filepath.Dir(path), err), file.Close())
	}
	return file, nil
}

func checkPart(file *os.File, n int64) error {
	info, err := file.Stat()
	if err != nil {
		return reason(err)
	}
	if info.Size() < n {
		return fmt.Errorf("%s has %d bytes, want at least %d", Log, info.Size(), n)
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, n-1); err != nil {
		return reason(err)
	}
	if last[0] != '\n' {
		return fmt.Errorf("%s has no line that ends after %d bytes, so it is not of this run", Log, n)
	}
	return nil
}

// Close closes the log.
func (s *Saved) Close() error {
	if s.log == nil {
		return nil
	}
	return s.log.Close()
}

// reason strips the operation and the path from an error of a file, which our own wording has already.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
