package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/seed1498fded/unroll/internal/atomicfile"
)

// An Outcome is what came of a command's work, to be shown as a table. It marshals to JSON, and may be a Plotter.
type Outcome interface{ WriteTable(io.Writer) error }

// A Plotter is an outcome that can be drawn, as png or svg.
type Plotter interface {
	Plot(w io.Writer, format string) error
}

// A Pager is an outcome that can be shown as a page.
type Pager interface{ WriteHTML(io.Writer) error }

// A Work is all that the flags ask for, checked. It tells how much of it is done, as a fraction, and what comes next.
type Work func(ctx context.Context, progress func(fraction float64, next string)) (Outcome, error)

// Outputs are the files that an outcome is written to, nil for none.
type Outputs struct {
	JSON *string // - for standard output, and then the table goes to standard error
	Plot *string // its extension is the format
	HTML *string
}

// JSONOnStdout says whether standard output belongs to the JSON.
func (o Outputs) JSONOnStdout() bool { return o.JSON != nil && *o.JSON == "-" }

// A Job is a command's work and what is to be done about it.
type Job struct {
	Name     string // of the command, for the display
	Progress string // how to show progress, see NewProgress
	Work     Work
	Outputs  Outputs
	Sizes    []Given // the flags to blame where there is too little memory
}

// Run does the work, writes the files that were asked for, each whole or not at all, and the table: it is what is left of the
// work if a file can't be written after all.
func (j Job) Run(ctx context.Context, stdout, stderr io.Writer) error {
	progress, err := NewProgress(j.Progress, stderr, j.Name)
	if err != nil {
		return err
	}
	defer progress.Close()
	r, err := j.Work(ctx, progress.Update)
	if err != nil {
		return Blame(err, j.Sizes...)
	}
	progress.Update(1, "")
	progress.Close()
	table := stdout
	if j.Outputs.JSONOnStdout() {
		table = stderr
	}
	return errors.Join(j.Outputs.write(r, stdout), r.WriteTable(table))
}

func (o Outputs) write(r Outcome, stdout io.Writer) error {
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
	if o.HTML != nil {
		if err := writePage(*o.HTML, r); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	return nil
}

func writeJSON(path string, r Outcome, stdout io.Writer) error {
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

func writePlot(path string, r Outcome) error {
	p, ok := r.(Plotter)
	if !ok {
		return errors.New("there is nothing to be drawn")
	}
	var b bytes.Buffer
	if err := p.Plot(&b, strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, b.Bytes())
}

func writePage(path string, r Outcome) error {
	p, ok := r.(Pager)
	if !ok {
		return errors.New("there is no page about this")
	}
	var b bytes.Buffer
	if err := p.WriteHTML(&b); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, b.Bytes())
}
