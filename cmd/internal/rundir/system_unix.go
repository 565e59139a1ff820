//go:build unix

package rundir

import (
	"errors"
	"io"
	"syscall"
)

// onlyRegular makes opening a link fail and opening a pipe return at once.
const onlyRegular = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// release gives a lock free whose file is to be removed. The file goes first, so that nobody locks one that is about to go.
func release(lock io.Closer, remove func() error) error { return errors.Join(remove(), lock.Close()) }
