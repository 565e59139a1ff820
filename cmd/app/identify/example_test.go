package identify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"

	"github.com/seed1498fded/unroll/cmd/app/identify"
)

// A study by a function call, far too small to tell much: with --json - its first writer gets JSON and nothing else.
func ExampleRun() {
	var out bytes.Buffer
	err := identify.Run(context.Background(), []string{
		"--rules", "adam,fa,sgd", "--nets", "13", "--steps", "24", "--json", "-", "--progress", "off",
	}, &out, io.Discard)
	if err != nil {
		log.Fatal(err)
	}
	var report struct {
		Rules  []string
		Nets   int
		Chance float64
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d networks under %v, chance %.3f\n", report.Nets, report.Rules, report.Chance)
	// Output: 12 networks under [adam fa sgd], chance 0.333
}
