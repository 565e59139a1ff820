package atomicfile

import (
	"io/fs"
	"os"
)

// osDisk is the disk of the operating system.
type osDisk struct{}

func (osDisk) openDir(dir string) (syncer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return folder{f}, nil
}

func (osDisk) create(name string, perm fs.FileMode) (file, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err // and not an interface that holds a nil
	}
	return f, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(name string) error     { return os.Remove(name) }

// A folder is flushed to make a renaming in it durable.
type folder struct{ *os.File }
