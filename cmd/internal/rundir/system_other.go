//go:build !unix

package rundir

import "io"

// onlyRegular adds nothing where there is no such flag; links and pipes are told by asking before.
const onlyRegular = 0

// release gives a lock free whose file is to be removed. An open file can't be, so the lock goes first; if somebody else has
// the file by then it stays, and is theirs.
func release(lock io.Closer, remove func() error) error {
	err := lock.Close()
	_ = remove()
	return err
}
