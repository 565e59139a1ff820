//go:build !unix

package regular

// nonblock is nothing where opening a file never waits for another program.
const nonblock = 0
