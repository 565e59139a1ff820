package gosource_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/data/gosource"
)

// A text is numbers, and an alphabet that says what they stand for.
func ExampleLoad() {
	text, err := gosource.Load()
	if err != nil {
		log.Fatal(err)
	}
	for _, code := range text.Codes[:60] {
		fmt.Printf("%c", text.Alphabet[code])
	}
	// Output:
	// package credit
	//
	// import (
	// 	"math"
	//
	// 	"github.com/seed1498fded/
}
