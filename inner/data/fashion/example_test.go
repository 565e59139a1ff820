package fashion_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/data/fashion"
)

func ExampleLoad() {
	train, test, err := fashion.Load()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(train.Len(), "images to train on,", test.Len(), "for tests")
	// Output: 8000 images to train on, 2000 for tests
}
