package data_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/data"
)

// Two images of 2x3 pixels, written as a gzipped idx file and read again.
func Example() {
	s := &data.Set{
		Images: []byte{0, 128, 255, 0, 128, 255, 9, 9, 9, 7, 7, 7},
		Labels: []byte{0, 1},
		Rows:   2, Cols: 3, Classes: 2,
	}
	var file bytes.Buffer
	zw := gzip.NewWriter(&file)
	if err := data.WriteImages(zw, s); err != nil {
		log.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		log.Fatal(err)
	}

	pixels, rows, cols, err := data.ReadImages(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(pixels)/(rows*cols), "images of", rows, "x", cols)
	fmt.Println(s.Slice(1, 2).Image(0))
	// Output:
	// 2 images of 2 x 3
	// [9 9 9 7 7 7]
}
