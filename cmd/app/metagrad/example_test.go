package metagrad_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"

	"github.com/seed1498fded/unroll/cmd/app/metagrad"
	"github.com/seed1498fded/unroll/meta/lab"
)

// A study of estimators by a function call: with --json - its first writer gets JSON and nothing else.
func ExampleRun() {
	var out bytes.Buffer
	err := metagrad.Run(context.Background(), []string{
		"--rule", "adam", "--estimators", "bptt,pes/5", "--horizons", "10", "--draws", "20", "--json", "-", "--progress", "off",
	}, &out, io.Discard)
	if err != nil {
		log.Fatal(err)
	}
	var report lab.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		log.Fatal(err)
	}
	for _, r := range report.Results {
		fmt.Println(r.Name, "is noisy:", r.Variance > 0.01)
	}
	// Output:
	// bptt is noisy: false
	// pes/5 is noisy: true
}
