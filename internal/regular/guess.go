package regular

import (
	"bytes"
	"strings"
)

// GuessLength is how many bytes of a file [Guess] looks at.
const GuessLength = 64

// signatures are the first bytes of files that are often found where others were meant: downloads that went wrong, and what
// other programs keep weights and images in.
var signatures = []struct{ head, name string }{
	{"version https://git-lfs.github.com/spec/", "a git-LFS pointer in place of the file itself: fetch it with git lfs pull"},
	{"<!doctype html", "an HTML page"},
	{"<html", "an HTML page"},
	{"<?xml", "an XML document"},
	{"PK\x03\x04", "a zip archive, such as PyTorch's .pt and NumPy's .npz"},
	{"\x80\x02", "a Python pickle"},
	{"\x80\x04", "a Python pickle"},
	{"\x93NUMPY", "a NumPy array"},
	{"\x89HDF", "an HDF5 file"},
	{"\x89PNG", "a PNG image"},
	{"\x1f\x8b", "a gzip file"},
	{"BZh", "a bzip2 file"},
	{"\xfd7zXZ", "an xz file"},
	{"\x7fELF", "a program"},
}

// Guess tells by the first bytes of a file, for an error message, what it may be in place of what was wanted, or returns "".
func Guess(head []byte) string {
	head = bytes.TrimLeft(head[:min(len(head), GuessLength)], " \t\r\n\ufeff")
	for _, s := range signatures {
		if len(head) >= len(s.head) && strings.EqualFold(string(head[:len(s.head)]), s.head) {
			return s.name
		}
	}
	return ""
}
