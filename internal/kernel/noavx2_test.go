//go:build !amd64 || purego

package kernel

func setAVX2(bool) {}
