package rundir

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// A log is the file of a run's validations, of which some lines may still wait to be written.
type log struct {
	path    string
	bytes   int64  // on the disk and part of the run; what follows them in the file is not
	pending []byte // comes next
}

// write puts the pending lines, and a tail that does not become part of the run, after the log's bytes, in place of all
// that follows them there, and waits until they are on the disk. If that fails the lines stay pending.
func (l *log) write(disk Disk, tail []byte) error {
	err := l.edit(disk, func(file LogFile) error {
		_, err := file.WriteAt(slices.Concat(l.pending, tail), l.bytes)
		return err
	})
	if err != nil {
		return err
	}
	l.bytes += int64(len(l.pending))
	l.pending = nil
	return nil
}

// copy makes the log that of another run.
func (l *log) copy(disk Disk, saved *Saved) error {
	if saved.logBytes == 0 {
		return nil
	}
	err := l.edit(disk, func(file LogFile) error {
		_, err := io.CopyN(io.NewOffsetWriter(file, 0), saved.log, saved.logBytes)
		return err
	})
	if err == nil {
		l.bytes = saved.logBytes
	}
	return err
}

// edit opens the file, cuts it after the log's bytes, and flushes to the disk what change makes of it.
func (l *log) edit(disk Disk, change func(LogFile) error) error {
	file, err := disk.OpenLog(l.path)
	if err != nil {
		return fmt.Errorf("%s: %w", l.path, reason(err))
	}
	err = file.Truncate(l.bytes)
	if err == nil {
		err = change(file)
	}
	if err == nil {
		err = file.Sync() // a checkpoint that survives a loss of power needs its part of the log
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%s: %w", l.path, reason(err))
	}
	return nil
}
