package compare_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"

	"github.com/seed1498fded/unroll/cmd/app/compare"
	"github.com/seed1498fded/unroll/meta/eval"
)

// A comparison by a function call: with --json - its first writer gets JSON and nothing else.
func ExampleRun() {
	var out bytes.Buffer
	err := compare.Run(context.Background(), []string{
		"--problem", "quadratic", "--optimizer", "lstm-quadratic,adam,sgd", "--runs", "20", "--tune-runs", "4",
		"--json", "-", "--progress", "off",
	}, &out, io.Discard)
	if err != nil {
		log.Fatal(err)
	}
	var report eval.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		log.Fatal(err)
	}
	for _, r := range report.Results { // the best first
		fmt.Println(r.Name, r.Kind)
	}
	// Output:
	// lstm-quadratic learned
	// adam baseline
	// sgd baseline
}
