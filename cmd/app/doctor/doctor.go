// Package doctor is the command "metatrain doctor": it tries whether a machine is fit to learn on, and says what to do about it if
// it is not.
package doctor

import (
	"context"
	"fmt"
	"io"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
)

const description = `Tries what a run of metatrain needs of this machine: kernels, memory, embedded rules and data, and a folder to
write to. Changes nothing; takes a second or two.`

type options struct {
	Out  string `default:"runs" placeholder:"DIR" help:"Folder that runs are to be written to or below."`
	Data string `placeholder:"DIR" help:"Folder of idx files (plain or gzip) to try, too."`
}

// A finding is what a check comes to.
type finding struct {
	what string // what was found
	mend string // what to do about it; empty if all is well
	bad  bool   // whether runs would fail
}

func well(format string, args ...any) finding { return finding{what: fmt.Sprintf(format, args...)} }

// failed is a finding of an error.
func failed(err error, mend string) finding { return finding{what: err.Error(), mend: mend, bad: true} }

// lines words a finding.
func (f finding) lines(name string) string {
	state := "ok"
	switch {
	case f.bad:
		state = "FAILED"
	case f.mend != "":
		state = "note"
	}
	text := fmt.Sprintf("%-7s %-12s %s\n", state, name, cli.Line(f.what))
	if f.mend != "" {
		text += fmt.Sprintf("%20s → %s\n", "", f.mend)
	}
	return text
}

// A check is one thing that is tried.
type check struct {
	name string
	try  func(o options) finding
}

func checks() []check {
	return []check{
		{"program", program}, {"processors", processors}, {"kernels", kernels}, {"memory", memory}, {"environment", environment},
		{"rules", rules}, {"data", embedded}, {"own data", own}, {"folder", folder},
	}
}

// Run runs the checks until the context ends, and prints a line for each: ok, note or FAILED, what was found, and in a line below it
// what to do. If a check fails it is an error.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	if done, err := cli.Parse("metatrain doctor", description, &o, args, stdout, stderr); done || err != nil {
		return err
	}
	return examine(ctx, o, checks(), stdout)
}

func examine(ctx context.Context, o options, all []check, stdout io.Writer) error {
	tried, sick := 0, 0
	for _, c := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := c.try(o)
		if f == (finding{}) {
			continue // nothing to try
		}
		tried++
		if f.bad {
			sick++
		}
		if _, err := io.WriteString(stdout, f.lines(c.name)); err != nil {
			return err
		}
	}
	if sick > 0 {
		return fmt.Errorf("%d of %d checks failed; what to do about it is told above", sick, tried)
	}
	_, err := fmt.Fprintln(stdout, "\nReady. Next: metatrain, which learns an optimizer in two minutes, or metatrain --help.")
	return err
}
