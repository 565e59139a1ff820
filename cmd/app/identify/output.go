package identify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/internal/atomicfile"
	"github.com/seed1498fded/unroll/meta/identify"
)

// jsonOnStdout says whether standard output belongs to the JSON.
func (o options) jsonOnStdout() bool { return o.JSON != nil && *o.JSON == "-" }

// A file is one that a flag names.
type file struct {
	flag, path string
	extensions []string
}

// checkOutputs reports what would keep the outcome from being written, or would let it overwrite something that the command
// reads or writes besides.
func (o options) checkOutputs() error {
	var outputs []file
	if o.JSON != nil && !o.jsonOnStdout() {
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

// write puts the outcome where it was asked for, into files each whole or not at all.
func (o options) write(r outcome, stdout io.Writer) error {
	if o.JSON != nil {
		if err := writeJSON(*o.JSON, r, stdout); err != nil {
			return fmt.Errorf("--json: %w", err)
		}
	}
	if o.Plot == nil {
		return nil
	}
	report, ok := r.(*identify.Report)
	if !ok {
		return errors.New("--plot: there is nothing to be drawn")
	}
	var b bytes.Buffer
	err := report.Plot(&b, strings.ToLower(strings.TrimPrefix(filepath.Ext(*o.Plot), ".")))
	if err == nil {
		err = atomicfile.WriteFile(*o.Plot, b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("--plot: %w", err)
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
