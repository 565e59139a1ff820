package identify

import (
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
)

// outputs are the files that the outcome goes to.
func (o options) outputs() cli.Outputs { return cli.Outputs{JSON: o.JSON, Plot: o.Plot} }

// A file is one that a flag names.
type file struct {
	flag, path string
	extensions []string
}

// checkOutputs reports what would keep the outcome from being written, or would let it overwrite something that the command
// reads or writes besides.
func (o options) checkOutputs() error {
	var outputs []file
	if o.JSON != nil && !o.outputs().JSONOnStdout() {
		outputs = append(outputs, file{"--json", *o.JSON, nil})
	}
	if o.Plot != nil {
		outputs = append(outputs, file{"--plot", *o.Plot, []string{".png", ".svg"}})
	}
	if o.Model != nil {
		outputs = append(outputs, file{"--model", *o.Model, nil})
	}
	for i, x := range outputs {
		if err := cli.CheckOutput(x.path, x.extensions...); err != nil {
			return fmt.Errorf("%s: %w", x.flag, err)
		}
		for _, y := range append(outputs[:i:i], o.inputs()...) {
			if cli.SameFile(x.path, y.path) {
				return fmt.Errorf("%s: %s: it is the file of %s", x.flag, x.path, y.flag)
			}
		}
	}
	return nil
}

// inputs lists the files that are read. Names of rules that are no files do no harm.
func (o options) inputs() []file {
	var list []file
	if o.Config != "" {
		list = append(list, file{flag: "--config", path: o.Config})
	}
	if o.Of != nil {
		list = append(list, file{flag: "--of", path: recordingPath(*o.Of)})
	}
	for _, name := range o.Rules {
		if _, optimizer, ok := strings.Cut(name, "+"); ok {
			name = optimizer
		}
		if strings.ContainsAny(name, "./\\") {
			list = append(list, file{flag: "--rules", path: name})
		}
	}
	return list
}
