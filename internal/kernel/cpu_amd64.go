//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// useAVX2 is a variable for the tests, which run everything with and without it.
var useAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA
