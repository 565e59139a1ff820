package compare

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
)

// outputs are the files that the outcome goes to.
func (o options) outputs() cli.Outputs { return cli.Outputs{JSON: o.JSON, Plot: o.Plot} }

// checkOutputs reports what would keep the outcome from being written, or would let it overwrite something that the command
// reads or writes besides.
func (o options) checkOutputs() error {
	if o.JSON != nil && !o.outputs().JSONOnStdout() {
		if err := o.checkOutput("--json", *o.JSON); err != nil {
			return err
		}
	}
	if o.Plot == nil {
		return nil
	}
	if err := o.checkOutput("--plot", *o.Plot, ".png", ".svg"); err != nil {
		return err
	}
	if o.JSON != nil && !o.outputs().JSONOnStdout() && cli.SameFile(*o.JSON, *o.Plot) {
		return fmt.Errorf("--plot: %s: --json writes to the same file", *o.Plot)
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
