package mnist_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/data/mnist"
)

// The first training image, made 8x8, one letter a pixel.
func ExampleLoad() {
	train, _, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	first, err := train.Slice(0, 1).Downsample8()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(train.Len(), "images; the first is a", first.Labels[0])
	for i, pixel := range first.Image(0) {
		if i > 0 && i%first.Cols == 0 {
			fmt.Println("|")
		}
		fmt.Printf("%c", ".-+#"[pixel/64])
	}
	fmt.Println("|")
	// Output:
	// 60000 images; the first is a 5
	// ........|
	// ........|
	// ..-##-..|
	// ...-....|
	// ....+-..|
	// ...-#...|
	// ..+-....|
	// ........|
}
