//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// level is a variable for the tests, which run everything at every level that the machine has.
var level = best()

func best() instructions {
	x := &cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512VL:
		return avx512
	case x.HasAVX2 && x.HasFMA:
		return avx2
	}
	return plain
}
