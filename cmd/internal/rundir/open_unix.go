//go:build unix

package rundir

import "syscall"

// onlyRegular makes opening a link fail and opening a pipe return at once.
const onlyRegular = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
