package opticks_test

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/data/opticks"
)

// A text of one's own as numbers.
func ExampleNumber() {
	text := opticks.Number([]byte("banana"))
	fmt.Printf("%s %v\n", text.Alphabet, text.Codes)
	// Output: abn [1 0 2 0 2 0]
}
