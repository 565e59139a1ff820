package classify_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/meta/identify/classify"
)

// A forest tells points on either side of a diagonal apart.
func ExampleForest() {
	table := classify.Table{Classes: 2}
	for i := range 20 {
		for j := range 20 {
			class := 0
			if i > j {
				class = 1
			}
			table.X, table.Y = append(table.X, []float64{float64(i), float64(j)}), append(table.Y, class)
		}
	}
	forest, err := classify.Forest{Trees: 20, Key: 1}.Fit(context.Background(), table)
	if err != nil {
		log.Fatal(err)
	}
	p := make([]float64, 2)
	forest.Probabilities(p, []float64{15.2, 3.9})
	fmt.Println("class 1:", p[1] > 0.9)
	// Output: class 1: true
}
