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
	"time"

	"github.com/seed1498fded/unroll/internal/atomicfile"
	"github.com/seed1498fded/unroll/meta/eval/page"
)

// An Outcome is what came of a command's work, to be shown as a table. It marshals to JSON, and may be a Plotter.
type Outcome interface{ WriteTable(io.Writer) error }

// A Plotter is an outcome that can be drawn, as png, svg or pdf.
type Plotter interface {
	Plot(w io.Writer, format string) error
}

// A Pager is an outcome that can be shown as a page.
type Pager interface{ Page() (*page.Page, error) }

// A Tabler is an outcome whose curves can be written as CSV.
type Tabler interface{ WriteCSV(io.Writer) error }

// A Work is all that the flags ask for, checked. It tells the display how much of it is done and what comes next.
type Work func(ctx context.Context, progress Progress) (Outcome, error)

// Outputs are the files that an outcome is written to, nil for none.
type Outputs struct {
	JSON *string // - for standard output, and then the table goes to standard error
	Plot *string // its extension is the format
	Page *string
	CSV  *string
}

// JSONOnStdout says whether standard output belongs to the JSON.
func (o Outputs) JSONOnStdout() bool { return o.JSON != nil && *o.JSON == "-" }

// A Job is a command's work and what is to be done about it.
type Job struct {
	Name     string // of the command, for the display
	Progress string // how to show progress, see NewProgress
	Work     Work
	Outputs  Outputs
	Sizes    []Given  // the flags to blame where there is too little memory
	Args     []string // of the command, for the page
	Flags    []string // names of those that were given in any way, likewise

	Show func(Outcome, *page.Page) error // is handed the outcome and its page when all is done; may be nil
}

// Run does the work, writes the files that were asked for, each whole or not at all, and the table: it is what is left of the
// work if a file can't be written after all.
func (j Job) Run(ctx context.Context, stdout, stderr io.Writer) error {
	progress, err := NewProgress(j.Progress, stderr, j.Name)
	if err != nil {
		return err
	}
	defer progress.Close()
	began := time.Now()
	r, err := j.Work(ctx, progress)
	if err != nil {
		return Blame(err, j.Sizes...)
	}
	progress.Update(1, "")
	progress.Close()
	table := stdout
	if j.Outputs.JSONOnStdout() {
		table = stderr
	}
	return errors.Join(j.write(r, stdout, time.Since(began)), r.WriteTable(table))
}

// write writes the files that were asked for, up to the first that can't be written.
func (j Job) write(r Outcome, stdout io.Writer, took time.Duration) error {
	for _, x := range []struct {
		flag  string
		path  *string
		write func(path string) error
	}{
		{"serve", j.shown(), func(string) error { return j.show(r, j.made(took)) }},
		{"json", j.Outputs.JSON, func(path string) error { return writeJSON(path, r, stdout) }},
		{"csv", j.Outputs.CSV, func(path string) error { return writeCSV(path, r) }},
		{"plot", j.Outputs.Plot, func(path string) error { return writePlot(path, r) }},
		{"report", j.Outputs.Page, func(path string) error { return writePage(path, r, j.made(took)) }},
	} {
		if x.path == nil {
			continue
		}
		if err := x.write(*x.path); err != nil {
			return fmt.Errorf("--%s: %w", x.flag, err)
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

func writeCSV(path string, r Outcome) error {
	t, ok := r.(Tabler)
	if !ok {
		return errors.New("there are no curves")
	}
	var b bytes.Buffer
	if err := t.WriteCSV(&b); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, b.Bytes())
}

// shown is not nil where the outcome's page is to be shown.
func (j Job) shown() *string {
	if j.Show == nil {
		return nil
	}
	return new(string)
}

func (j Job) show(r Outcome, made []page.Fact) error {
	p, err := pageOf(r, made)
	if err != nil {
		return err
	}
	return j.Show(r, p)
}

// pageOf returns an outcome's page, with how it came about.
func pageOf(r Outcome, made []page.Fact) (*page.Page, error) {
	p, ok := r.(Pager)
	if !ok {
		return nil, errors.New("there is no page about this")
	}
	content, err := p.Page()
	if err != nil {
		return nil, err
	}
	content.Facts = append(content.Facts, made...)
	return content, nil
}

func writePage(path string, r Outcome, made []page.Fact) error {
	content, err := pageOf(r, made)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := content.Write(&b); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, b.Bytes())
}
