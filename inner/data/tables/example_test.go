package tables_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/data/tables"
)

func ExampleWine() {
	train, test, err := tables.Wine()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(train.Len(), "wines to train on,", test.Len(), "for tests:", train.Classes, "classes,", train.Features, "features")
	// Output: 142 wines to train on, 36 for tests: 3 classes, 13 features
}
