package metatrain

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed1498fded/unroll/cmd/internal/rundir"
)

// goOn takes the folder that the run would be written to as the one to resume from, if --resume-if-there was given and a run is there.
// What keeps it from telling is left to be found when that is tried.
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
