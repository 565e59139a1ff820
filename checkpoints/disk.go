package checkpoints

import (
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/internal/atomicfile"
	"github.com/seed1498fded/unroll/internal/regular"
)

// Save writes the file to path, replacing what is there. A reader, or a machine that loses power, finds either the old
// file or the new one, whole: the bytes go to a temporary file in the same folder, .unroll-N.tmp, which is flushed to disk
// and then renamed, and the folder is flushed too. The permissions are those of the file that is replaced, or else 0644
// less the umask. Save makes no folders.
//
// When Save fails the old file is untouched, except that a failure to flush the folder comes after the renaming: the
// new file is then in place, but a loss of power may bring back the old one.
func (f *File) Save(path string) error {
	e, err := f.encode(limitOf(f.Kind))
	if err == nil {
		err = atomicfile.Write(path, e.writeTo)
	}
	if err != nil {
		return fmt.Errorf("checkpoints: %s: saving: %w", path, cause(err))
	}
	return nil
}

// Load reads the file at path, which must be of the given kind; an empty kind accepts them all. The error of a file that
// will not do is one of [ErrFormat], [ErrVersion], [ErrChecksum] and [ErrKind], that of a missing file [os.ErrNotExist].
// What is no regular file, a folder, a FIFO or a device, is an [ErrFormat] at once. Nothing is taken into memory before it
// is known to be sound; rules have up to 32 MiB of tensors and other files up to 1 GiB, which Save sees to.
func Load(path, kind string) (*File, error) {
	f, info, err := regular.Open(path)
	if errors.Is(err, regular.ErrNotRegular) {
		return nil, fmt.Errorf("checkpoints: %s: %w: %w", path, ErrFormat, cause(err))
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %s: %w", path, cause(err))
	}
	defer f.Close() // only read: closing has nothing to say
	file, err := readFile(f, info.Size(), kind)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %s: %w", path, cause(err))
	}
	return file, nil
}
