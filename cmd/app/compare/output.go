package compare

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
)

// outputs are the files that the outcome goes to.
func (o options) outputs() cli.Outputs {
	return cli.Outputs{JSON: o.JSON, CSV: o.CSV, Plot: o.Plot, Page: o.Report}
}

// An output is a file that a flag names.
type output struct {
	flag       string
	path       *string
	extensions []string
}

// checkOutputs reports what would keep the outcome from being written, or would let it overwrite something that the command
// reads or writes besides.
func (o options) checkOutputs() error {
	var before []output
	for _, x := range []output{
		{"--json", o.JSON, nil}, {"--csv", o.CSV, []string{".csv"}}, {"--plot", o.Plot, []string{".png", ".svg", ".pdf"}},
		{"--report", o.Report, []string{".html"}},
	} {
		if x.path == nil || x.path == o.JSON && o.outputs().JSONOnStdout() {
			continue
		}
		if err := o.checkOutput(x.flag, *x.path, x.extensions...); err != nil {
			return err
		}
		for _, b := range before {
			if cli.SameFile(*b.path, *x.path) {
				return fmt.Errorf("%s: %s: %s writes to the same file", x.flag, *x.path, b.flag)
			}
		}
		before = append(before, x)
	}
	return nil
}

func (o options) checkOutput(flag, path string, extensions ...string) error {
	if err := cli.CheckOutput(path, extensions...); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	for _, name := range o.Optimizer {
		if !embedded(name) && cli.SameFile(path, name) {
			return fmt.Errorf("%s: %s: --optimizer reads this file", flag, path)
		}
	}
	switch {
	case o.Config != "" && cli.SameFile(path, o.Config):
		return fmt.Errorf("%s: %s: --config reads this file", flag, path)
	case o.Data != nil && exists(path) && cli.SameFile(filepath.Dir(path), *o.Data):
		return fmt.Errorf("%s: %s: it is there already, in the folder of --data", flag, path)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
