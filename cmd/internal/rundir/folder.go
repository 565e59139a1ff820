// Package rundir keeps the files of a run of metatrain in the run's folder.
//
//	train.safetensors      the training checkpoint, from which the run can be resumed to the bit
//	log.jsonl              a line for every validation; the checkpoint says how many of its bytes belong to it
//	optimizer.safetensors  the rule that is kept, from the first validation on
//	run.lock               there while a process runs in the folder, which holds a lock on it; its process id
//	baselines.json         what the tuned baselines came to, once they have been measured
//	page                   the address of the run's page, while there is one
//	training.json          what the page has shown of training under the rule, for pages that follow
//
// Whatever happens to the process, the machine or the disk, at any moment, one of two things is true. Either there is a
// checkpoint: then the log is at least as long as the checkpoint says, and the run can be resumed. Or there is none: then
// a run can be started there. Three rules see to that:
//
//   - A checkpoint is put in place only after its part of the log is on the disk, and both go one way, [Folder.Save].
//     Lines wait in memory until they are on the disk; none is lost because a write failed once.
//   - The checkpoint comes before the optimizer: a folder with an optimizer can be resumed.
//   - Before the first checkpoint the folder holds nothing worth keeping, and [Create] may begin again. A log that a
//     process was copying when it died is told from one that somebody keeps by the lock that it left behind.
//
// The log and the lock are never written through a symbolic link. In place of the other two a link is replaced by a file,
// since they are renamed into place; what it led to is left alone.
package rundir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/regular"
)

// The files of a run.
const (
	Optimizer = "optimizer.safetensors"
	Train     = "train.safetensors"
	Log       = "log.jsonl"
	Lock      = "run.lock"
	Baselines = "baselines.json"
	Page      = "page"
	Training  = "training.json"
)

// A Folder is the folder of a run that this process has locked. It is for one goroutine at a time.
type Folder struct {
	dir   string
	disk  Disk
	lock  io.Closer
	log   log
	fresh bool // ours since Create, and no checkpoint has been saved without an error so far
	stale bool // the optimizer: it is missing, or there are validations that it does not know of
}

// Create locks the folder for a new run, and makes it if it is missing, with its parents. It is an error if it holds a run
// already, or if another process is running in it. What a process has left there that died before its first checkpoint
// is removed.
func Create(disk Disk, dir string) (*Folder, error) {
	if err := disk.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("%s: cannot create the folder: %w", dir, reason(err))
	}
	f, abandoned, err := lockFolder(disk, dir)
	if err != nil {
		return nil, err
	}
	if err := f.refuseToOverwrite(abandoned); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	f.fresh, f.stale = true, true
	if err := errors.Join(f.remove(Log), f.clean()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Open locks the folder of a run that is to go on in place. It is an error if there is no checkpoint, or if another
// process is running in it.
func Open(disk Disk, dir string) (*Folder, error) {
	train := filepath.Join(dir, Train)
	if _, err := os.Stat(train); err != nil {
		err = fmt.Errorf("%s: %w", train, reason(err))
		if errors.Is(err, fs.ErrNotExist) && isDir(dir) && !holds(dir, Optimizer) {
			err = fmt.Errorf("%w; nothing has been saved there, so begin the run again", err)
		}
		return nil, err
	}
	f, _, err := lockFolder(disk, dir)
	if err != nil {
		return nil, err
	}
	if err := f.clean(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	f.stale = !f.holds(Optimizer)
	return f, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// lockFolder locks a folder, and reports whether the last process in it died.
func lockFolder(disk Disk, dir string) (f *Folder, abandoned bool, err error) {
	lock, abandoned, err := disk.Lock(filepath.Join(dir, Lock))
	if held, ok := errors.AsType[heldError](err); ok {
		return nil, false, fmt.Errorf("%s: %w", dir, held)
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: cannot lock the folder: %s: %w", dir, Lock, reason(err))
	}
	return &Folder{dir: dir, disk: disk, lock: lock, log: log{path: filepath.Join(dir, Log)}}, abandoned, nil
}

// refuseToOverwrite reports a folder that holds a run, or a log that is not from a process that died as it copied it.
func (f *Folder) refuseToOverwrite(abandoned bool) error {
	if f.holds(Train) {
		return fmt.Errorf("%s: it holds a run already; go on with it by --resume %s, or choose another folder", f.dir, f.dir)
	}
	keep := func(what, name string) error {
		return fmt.Errorf("%s: it holds the %s of a run, but nothing to resume it from; move %s away, or choose another folder", f.dir, what, name)
	}
	if f.holds(Optimizer) {
		return keep("rule", Optimizer)
	}
	info, err := os.Lstat(f.log.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = regular.Check(info)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.log.path, reason(err))
	}
	if info.Size() > 0 && !abandoned {
		return keep("log", Log)
	}
	return nil
}

// Continue makes the log in place go on where the checkpoint stands. What a process that died has written after that is
// overwritten by the same once this one has come as far.
func (f *Folder) Continue(saved *Saved) { f.log.bytes = saved.logBytes }

// Copy begins the folder's log with that of another run.
func (f *Folder) Copy(saved *Saved) error { return f.log.copy(f.disk, saved) }

// Append adds a line to the log. It is on the disk once Save has returned without an error.
func (f *Folder) Append(line []byte) {
	f.log.pending = append(f.log.pending, line...)
	f.stale = true
}

// Save brings the files up to date: the log, then the checkpoint, in which it notes the log's length, and then the
// optimizer, which changes only with a validation; nil if there was none so far. Each comes only after the one before it is
// on the disk. If one fails, it and those after it stay as they were, and the next Save makes up for it. Without a new line
// the log is left alone, once it is there, for the end of an earlier run may be in it.
func (f *Folder) Save(train *checkpoints.File, optimizer Saver) error {
	if f.fresh || len(f.log.pending) > 0 {
		if err := f.log.write(f.disk, nil); err != nil {
			return err
		}
	}
	train.Meta[metaLog] = strconv.FormatInt(f.log.bytes, 10)
	if err := f.disk.Save(f.path(Train), train); err != nil {
		return err
	}
	f.fresh = false
	if optimizer == nil || !f.stale {
		return nil
	}
	return f.saveOptimizer(optimizer)
}

func (f *Folder) saveOptimizer(optimizer Saver) error {
	err := f.disk.Save(f.path(Optimizer), optimizer)
	f.stale = err != nil
	return err
}

// Finish ends the log with a line that is not part of the checkpoint, or none, and saves the optimizer: a longer run would
// not have that line here, and a resumed one puts its own next line in place of it.
func (f *Folder) Finish(line []byte, optimizer Saver) error {
	if err := f.log.write(f.disk, line); err != nil {
		return err
	}
	return f.saveOptimizer(optimizer)
}

// Close gives the folder free. It leaves no trace of a run that came to no checkpoint.
func (f *Folder) Close() error {
	if f.fresh && !f.holds(Train) { // it is in place if only flushing the folder failed
		if err := f.remove(Log); err != nil {
			// The lock's file stays as well: it tells the next run to take no notice of the log.
			return errors.Join(err, f.lock.Close())
		}
	}
	return release(f.lock, func() error { return f.remove(Lock) })
}

// clean removes the temporary files of a process that died.
func (f *Folder) clean() error {
	if err := f.disk.Clean(f.dir); err != nil {
		return fmt.Errorf("%s: cannot remove what a killed run has left: %w", f.dir, reason(err))
	}
	return nil
}

// remove removes a file, if it is there.
func (f *Folder) remove(name string) error {
	if err := f.disk.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", f.path(name), reason(err))
	}
	return nil
}

func (f *Folder) holds(name string) bool { return holds(f.dir, name) }

// holds reports whether there is something under a name. What can't be looked at counts as there.
func holds(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return !errors.Is(err, fs.ErrNotExist)
}

func (f *Folder) path(name string) string { return filepath.Join(f.dir, name) }
