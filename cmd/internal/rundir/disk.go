package rundir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
)

// A Disk is all that a Folder does to files. The only one in use is [OS]; tests have others, which fail.
type Disk interface {
	MkdirAll(dir string) error
	ReadDir(dir string) ([]fs.DirEntry, error)
	Remove(path string) error

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

func (OS) MkdirAll(dir string) error                 { return os.MkdirAll(dir, 0o777) }
func (OS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (OS) Remove(path string) error                  { return os.Remove(path) }
func (OS) Save(path string, file Saver) error        { return file.Save(path) }

// OpenLog refuses what is not an ordinary file.
func (OS) OpenLog(path string) (LogFile, error) { return openRegular(path, os.O_WRONLY|os.O_CREATE) }

// openRegular opens an ordinary file. Nothing else is waited for or changed: no link, pipe or device.
func openRegular(path string, flag int) (*os.File, error) {
	// Asked first for the sake of the wording, and where a link can't be refused in opening.
	if info, err := os.Lstat(path); err == nil {
		if err := regular(info); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(path, flag|onlyRegular, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// regular reports what is no ordinary file.
func regular(info fs.FileInfo) error {
	switch {
	case info.Mode().IsRegular():
		return nil
	case info.IsDir():
		return errors.New("want an ordinary file, but it is a folder")
	case info.Mode()&fs.ModeSymlink != 0:
		return errors.New("want an ordinary file, but it is a symbolic link")
	}
	return errors.New("want an ordinary file, but it is a pipe or a device")
}

// temporary matches the names of the files that are to be renamed to those of a run.
var temporary = regexp.MustCompile(`^\.(train\.safetensors|optimizer\.safetensors)[0-9]+$`)
