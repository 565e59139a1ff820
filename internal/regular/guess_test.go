package regular_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed1498fded/unroll/internal/regular"
)

func TestGuess(t *testing.T) {
	for head, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n": "a git-LFS pointer",
		"<!DOCTYPE html><html>": "an HTML page",
		"\n <HTML>":             "an HTML page",
		"PK\x03\x04\x00\x00":    "a zip archive",
		"\x80\x02}q":            "a Python pickle",
		"\x93NUMPY\x01":         "a NumPy array",
		"\x1f\x8b\x08":          "a gzip file",
	} {
		assert.Contains(t, regular.Guess([]byte(head)), want, "%q", head)
	}
	for _, head := range []string{"", "v", "version 2", "\x00\x00\x08\x03", "P"} {
		assert.Empty(t, regular.Guess([]byte(head)), "%q", head)
	}
}
