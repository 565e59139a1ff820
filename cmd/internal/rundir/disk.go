package rundir

import (
	"errors"
	"io"
	"os"

	"github.com/seed1498fded/unroll/internal/atomicfile"
	"github.com/seed1498fded/unroll/internal/regular"
)

// A Disk is all that a Folder does to files. The only one in use is [OS]; tests have others, which fail.
type Disk interface {
	MkdirAll(dir string) error
	Remove(path string) error

	// Clean removes the temporary files that Save leaves behind in a folder when the process is killed.
	Clean(dir string) error

	// Lock takes the lock on a file, which it makes if it is missing, or reports who has it. abandoned tells that the file
	// was there although nobody held the lock. Closing gives it free; so does the end of the process, whatever its cause.
	Lock(path string) (lock io.Closer, abandoned bool, err error)

	// OpenLog opens a file for writing, and makes it if it is missing.
	OpenLog(path string) (LogFile, error)

	// Save replaces the file at path atomically.
	Save(path string, file Saver) error
}

// A LogFile is an open log.
type LogFile interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// A Saver replaces the file at path by itself, or else leaves it as it is: a checkpoint, for instance.
type Saver interface{ Save(path string) error }

// OS is the disk of the operating system.
type OS struct{}

var _ Disk = OS{}

func (OS) MkdirAll(dir string) error          { return os.MkdirAll(dir, 0o777) }
func (OS) Remove(path string) error           { return os.Remove(path) }
func (OS) Clean(dir string) error             { return atomicfile.Clean(dir) }
func (OS) Save(path string, file Saver) error { return file.Save(path) }

// OpenLog refuses what is not an ordinary file.
func (OS) OpenLog(path string) (LogFile, error) { return openRegular(path, os.O_WRONLY|os.O_CREATE) }

// openRegular opens a regular file. Nothing else is waited for or changed: no link, pipe or device.
func openRegular(path string, flag int) (*os.File, error) {
	// Asked first for the sake of the wording, and where a link can't be refused in opening.
	if info, err := os.Lstat(path); err == nil {
		if err := regular.Check(info); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(path, flag|onlyRegular, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = regular.Check(info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
