//go:build !windows

package atomicfile

import (
	"errors"
	"syscall"
)

// Sync flushes the folder. Some file systems know no such thing for folders, and say so; nothing more can be done there.
func (f folder) Sync() error {
	err := f.File.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
