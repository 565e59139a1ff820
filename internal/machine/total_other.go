//go:build !linux && !darwin && !windows

package machine

func total() uint64 { return 0 }
