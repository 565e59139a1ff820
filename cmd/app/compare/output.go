package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/internal/atomicfile"
)

// jsonOnStdout says whether standard output belongs to the JSON.
func (o options) jsonOnStdout() bool { return o.JSON != nil && *o.JSON == "-" }

// checkOutputs reports what would keep the outcome from being written, or would let it overwrite something that the command
// reads or writes besides.
func (o options) checkOutputs() error {
	if o.JSON != nil && !o.jsonOnStdout() {
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
	if o.JSON != nil && !o.jsonOnStdout() && cli.SameFile(*o.JSON, *o.Plot) {
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

// write puts the outcome where it was asked for, into files each whole or not at all.
func (o options) write(r outcome, stdout io.Writer) error {
	if o.JSON != nil {
		if err := writeJSON(*o.JSON, r, stdout); err != nil {
			return fmt.Errorf("--json: %w", err)
		}
	}
	if o.Plot != nil {
		if err := writePlot(*o.Plot, r); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
	}
	return nil
}

func writeJSON(path string, r outcome, stdout io.Writer) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "\t")
	if err := e.Encode(r); err != nil {
		return err
	}
	if path == "-" {
		_, err := b.WriteTo(stdout)
		return err
	}
	return atomicfile.WriteFile(path, b.Bytes())
}

func writePlot(path string, r outcome) error {
	var b bytes.Buffer
	if err := r.Plot(&b, strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, b.Bytes())
}
