package checkpoints

import (
	"errors"
	"io/fs"
	"os"
)

// The errors of reading, for [errors.Is]. A file that is not there gives [os.ErrNotExist].
var (
	// ErrFormat means that the file is no safetensors file, or not one of ours, or truncated, or contradicts itself.
	ErrFormat = errors.New("bad format")
	// ErrForeign, an ErrFormat too, means that the file is safetensors of somebody else; see [LoadSafetensors].
	ErrForeign = errors.New("not written by this package")
	// ErrVersion means that the file is ours, but of a format version this package does not know.
	ErrVersion = errors.New("unknown version")
	// ErrChecksum means that the file is well formed but its content is not what was written.
	ErrChecksum = errors.New("bad checksum")
	// ErrKind means that the file is sound but of another kind than the caller wants.
	ErrKind = errors.New("wrong kind")
)

// cause strips the file names that package os puts into its errors; ours names the path already, and once is enough.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	if linkErr, ok := errors.AsType[*os.LinkError](err); ok {
		return linkErr.Err
	}
	return err
}
