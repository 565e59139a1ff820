package metatrain_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/seed1498fded/unroll/cmd/app/metatrain"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// A rule is learned by a function call, and used in the same program. What the call is given are the command's flags.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	err = metatrain.Run(context.Background(), []string{
		"--problem", "quadratic", "--rule", "momentum", "--episodes", "200", "--out", dir, "--progress", "off",
	}, io.Discard, io.Discard) // the table goes to the first, what is told on the way to the second
	if err != nil {
		log.Fatal(err)
	}
	trained, err := learnedopt.Load(filepath.Join(dir, "optimizer.safetensors"))
	if err != nil {
		log.Fatal(err)
	}
	opt, err := trained.New(params.Layout{{Name: "theta", Shape: []int{1}}})
	if err != nil {
		log.Fatal(err)
	}
	theta := []float32{5}
	for range 200 {
		if err := opt.Step(theta, []float32{2 * theta[0]}); err != nil { // of theta²
			log.Fatal(err)
		}
	}
	fmt.Printf("%.3f %s\n", max(theta[0], -theta[0]), trained.Rule.Name())
	// Output: 0.000 momentum
}
