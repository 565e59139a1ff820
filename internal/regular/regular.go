// Package regular reads regular files, and no more of them than the caller allows. A name on a command line may lead
// to a pipe that nobody writes to, to a device without end, or to a file larger than the memory; none of them may hang
// the program or exhaust the machine.
//
// Errors that concern a file are of type *[fs.PathError], as those of package os are.
package regular

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

var (
	// ErrNotRegular means that the name leads to a folder, a FIFO, a device or the like.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLong means that there are more bytes than the caller allows.
	ErrTooLong = errors.New("too long")
)

// Open opens the regular file at path for reading, and says what is known of it; it follows symbolic links. Anything
// else there is an [ErrNotRegular] that names what it is, at once: a FIFO is not waited for.
func Open(path string) (*os.File, fs.FileInfo, error) {
	// Looking comes before opening, which some devices take for an order and sockets refuse without a reason. What is
	// opened in the end is looked at again, since another file may have taken the name.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if err := Check(info); err != nil {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err == nil {
		if err = Check(info); err != nil {
			err = &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
	if err != nil {
		f.Close() // nothing was written
		return nil, nil, err
	}
	return f, info, nil
}

// Check returns an [ErrNotRegular] that names what info is about, or nil if that is a regular file.
func Check(info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s, %w", kind(info.Mode()), ErrNotRegular)
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO (named pipe)"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	}
	return "something special"
}

// ReadFile returns the content of the regular file at path, at most limit bytes. A longer file is an [ErrTooLong] that
// says how long it is, before anything of it has been read; what is there instead of a regular file gives the error of
// [Open].
func ReadFile(path string, limit int64) ([]byte, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: closing has nothing to say
	if info.Size() > limit {
		err := fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrTooLong, info.Size(), limit)
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	// The size is a promise only: files of /proc have none, others grow meanwhile.
	b, err := read(f, limit, info.Size())
	if errors.Is(err, ErrTooLong) {
		err = &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return b, err
}

// Read returns what r holds, to its end, at most limit bytes; more are an [ErrTooLong]. Memory follows what r holds.
func Read(r io.Reader, limit int64) ([]byte, error) { return read(r, limit, 0) }

// read is Read for an r that promises size bytes.
func read(r io.Reader, limit, size int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(size, limit)) + bytes.MinRead) // room to find the end without growing
	n, err := b.ReadFrom(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, err
	case n > limit:
		return nil, fmt.Errorf("%w: at most %d bytes are allowed", ErrTooLong, limit)
	}
	return b.Bytes(), nil
}
