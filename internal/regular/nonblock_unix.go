//go:build unix

package regular

import "syscall"

// nonblock keeps an open from waiting for the other end of a FIFO. It makes no difference to a regular file.
const nonblock = syscall.O_NONBLOCK
