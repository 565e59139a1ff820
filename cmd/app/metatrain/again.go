package metatrain

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed1498fded/unroll/cmd/internal/rundir"
)

// goOn has a run that is to go on if there is one do so: then the folder that it would be written to is the one to resume from. What
// keeps anybody from telling is left to be found when that is tried.
func (o *options) goOn() error {
	if !o.ResumeIfThere {
		return nil
	}
	if o.Given("resume") {
		return errors.New("--resume-if-there: not with --resume, for which there must be a run; want --out, or neither")
	}
	dir := o.Out
	if !o.Given("out") {
		s, err := newSettings(*o)
		if err != nil {
			return err
		}
		dir = o.out(s)
	}
	if _, err := os.Stat(filepath.Join(dir, rundir.Train)); !errors.Is(err, fs.ErrNotExist) {
		o.Resume = dir
	}
	return nil
}
