// Package gosource is a text of Go source code, some of this module's own as it once was, embedded: something to learn a language on
// and to choose rules by. It does not change when the code does. README.md beside this file says what it is.
package gosource

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the text
	"fmt"
	"io"
	"sync"

	"github.com/seed1498fded/unroll/inner/data/opticks"
)

//go:embed gosource.txt.gz
var zipped []byte

var decode = sync.OnceValues(func() (*opticks.Text, error) {
	zr, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(zr)
	if err != nil {
		return nil, err
	}
	return opticks.Number(plain), nil
})

// Load returns the text. The first call unzips it; later ones, from any goroutine, return the same text, so callers must not modify it.
// The error is nil in a sound program.
func Load() (*opticks.Text, error) {
	t, err := decode()
	if err != nil {
		return nil, fmt.Errorf("gosource: %w", err)
	}
	return t, nil
}
