package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"sync"

	"github.com/seed1498fded/unroll/cmd/app"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
)

var once sync.Once // a main needs no such thing: it registers but once anyway

// A program with a problem of its own has all commands for it. Its main ends with app.Main(), which takes the arguments from the
// command line.
func Example() {
	once.Do(func() {
		catalog.Register("mine", catalog.Problem{
			Family: func(catalog.Options) (inner.Family, error) { return inner.Quadratic{}, nil },
			Cheap:  true,
		})
	})
	args := []string{"compare", "--problem", "mine", "--optimizer", "lstm-quadratic,adam", "--runs", "20", "--tune-runs", "4"}
	var table bytes.Buffer
	if err := app.Run(context.Background(), args, &table, io.Discard); err != nil {
		log.Fatal(err)
	}
	heading, err := table.ReadString('\n')
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(heading)
	// Output: mine: 20 runs of 100 steps, seed 1
}
