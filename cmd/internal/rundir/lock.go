package rundir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/seed1498fded/unroll/internal/regular"
)

// A heldError tells that another process has the lock.
type heldError struct {
	pid int // 0 if there is no telling
}

func (e heldError) Error() string {
	if e.pid == 0 {
		return "another process is running in it"
	}
	return fmt.Sprintf("process %d is running in it", e.pid)
}

// Lock takes the lock of a file and writes the process id into it.
func (OS) Lock(path string) (lock io.Closer, abandoned bool, err error) {
	for {
		info, err := look(path)
		if err != nil {
			return nil, false, err
		}
		l := flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE|onlyRegular), flock.SetPermissions(0o644))
		ok, err := l.TryLock()
		if err != nil {
			return nil, false, err
		}
		if !ok {
			return nil, false, heldError{holder(path)}
		}
		same, err := inPlace(l, path)
		if same {
			note(path)
			return l, info != nil, nil
		}
		// Whoever had it has removed it, and this is the lock of a file without a name.
		if err = errors.Join(err, l.Close()); err != nil {
			return nil, false, err
		}
	}
}

// look returns what is known of the file of a lock, nil if it is missing.
func look(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = regular.Check(info)
	}
	return info, err
}

// inPlace reports whether a locked file is the one that is found under its name.
func inPlace(l *flock.Flock, path string) (bool, error) {
	locked, err := l.Stat()
	if err != nil {
		return false, err
	}
	named, err := look(path)
	return named != nil && os.SameFile(locked, named), err
}

// note writes the process id into the file of a lock that is held. It is for people to read: the lock holds without it, as
// where a disk is full, or where nobody can write to a locked file.
func note(path string) {
	file, err := openRegular(path, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return
	}
	fmt.Fprintln(file, os.Getpid())
	file.Close()
}

// holder returns the id of the process that holds a lock, 0 if there is no telling.
func holder(path string) int {
	file, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return 0
	}
	defer file.Close()
	text := make([]byte, 20)
	n, _ := file.Read(text)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
