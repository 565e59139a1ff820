package metatrain

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
)

// options are the flags: the settings, and what has no bearing on the result but for the place and the time of the end.
type options struct {
	cli.Common
	settings
	Recipe        string     `placeholder:"NAME|FILE.yaml" help:"Flags and values from a recipe: ${recipes}, or a file. Whatever else says something about a flag wins over it."`
	Out           string     `placeholder:"DIR" help:"Folder to write to. Default runs/PROBLEM-RULE-SEED, with a credit rule runs/PROBLEM-CREDIT-RULE-SEED, or the folder resumed from."`
	Resume        string     `placeholder:"DIR" help:"Folder of an earlier run to go on with."`
	ResumeIfThere bool       `help:"Go on with the run in the folder to write to, if there is one, or else begin it: for what starts the same command again, such as a container. Not with --resume."`
	Budget        cli.Budget `placeholder:"DURATION" help:"Time to learn in, such as 90s or 10m. Default 2m unless --episodes is given."`
	Episodes      cli.Count  `placeholder:"N" help:"Episodes to learn from, those before a --resume included. Default: as many as the budget allows."`
	Generations   cli.Count  `placeholder:"N" help:"Outer steps to take, those before a --resume included: of a search its generations. Default for lives, unless --budget or --episodes is given: 80, by anneal 400, by bptt 100 for each length of the curriculum and the horizon."`
	Tensorboard   string     `placeholder:"DIR" help:"Folder to write TensorBoard's event files to, one for each start: what the log has, the meta-gradient's norm, and phi as histograms, against episodes."`
	CSV           string     `name:"csv" placeholder:"FILE.csv" help:"File to write the log to as CSV when learning ends, whatever ends it."`
	Workers       cli.Count  `placeholder:"N" help:"Goroutines to learn with, at most. Default: as many as there are processors, but with --listen or --nats none beside the workers' as long as there are any. The result does not depend on it."`
	Serve         string     `placeholder:"ADDR" help:"Show the run as a page in a browser while it learns, at HOST:PORT, or at a port of this machine; 0 is any that is free. The address is told on stderr, and in the file page of the run's folder."`
	View          string     `placeholder:"DIR" help:"Show the run in this folder, finished or not, as such a page, and learn nothing. Ends by an interrupt."`
	network
}

// Words are first arguments that ask for something else than a run.
func (options) Words() []string { return []string{doctorWord} }

// usualBudget is how long a run learns if nobody says.
const usualBudget = 2 * time.Minute

// newSettings returns the settings of a new run: what was given, with the defaults around it.
func newSettings(o options) (settings, error) {
	s := o.settings
	if err := s.fillIn(); err != nil {
		return s, err
	}
	err := s.canonical()
	return s.plain(), err
}

// apply overwrites the settings that were given.
func (o options) apply(s *settings) {
	said := o.settings.fields()
	for i, f := range s.fields() {
		if o.Given(f.name) {
			f.value.Set(said[i].value)
		}
	}
}

// sizes are the given flags that decide how much memory a run takes.
func (o options) sizes() []cli.Given {
	var given []cli.Given
	for _, f := range o.settings.fields() {
		if _, grows := f.tag.Lookup("memory"); grows && o.Given(f.name) {
			given = append(given, cli.Given{Name: f.name, Value: f.value.Interface()})
		}
	}
	return given
}

// check reports names that are empty: they are likely to come from a variable that is not set, and would
// otherwise quietly mean something else.
func (o options) check() error {
	for _, f := range []struct{ name, value, want string }{
		{"data", o.Data, "a folder"}, {"out", o.Out, "a folder"}, {"resume", o.Resume, "a folder"}, {"from", o.From, "a file"},
		{"credit", o.Credit, "a credit rule"}, {"learner", o.Learner, "a learner"}, {"serve", o.Serve, "an address"}, {"view", o.View, "a folder"},
	} {
		if o.Given(f.name) && f.value == "" {
			return fmt.Errorf("--%s: want the name of %s, got nothing", f.name, f.want)
		}
	}
	return o.checkFolders()
}

// checkFolders reports what would keep the copies of the log from being written, before there is a run.
func (o options) checkFolders() error {
	if o.Given("tensorboard") {
		if err := cli.CheckFolder(o.Tensorboard); err != nil {
			return fmt.Errorf("--tensorboard: %w", err)
		}
	}
	if o.Given("csv") {
		if err := cli.CheckOutput(o.CSV, ".csv"); err != nil {
			return fmt.Errorf("--csv: %w", err)
		}
	}
	return nil
}

// limit sets how long to learn: a time, a number of episodes or of outer steps, or whichever comes first.
func (s *session) limit(o options) {
	s.budget, s.episodes, s.outer = o.Budget.Duration(), int(o.Episodes), int(o.Generations)
	if s.settings.Settle {
		s.budget, s.episodes = 0, int(s.settings.Cosine)
	}
	if s.budget > 0 || s.episodes > 0 || s.outer > 0 {
		return
	}
	if s.settings.life() > 0 {
		s.outer = s.settings.generations()
	} else {
		s.budget = usualBudget
	}
}

// out returns the folder to write to.
func (o options) out(s settings) string {
	switch {
	case o.Given("out"):
		return o.Out
	case o.Given("resume"):
		return o.Resume
	}
	on := s.Problem
	if catalog.Mixed(on) { // which may be a path
		on = strings.TrimSuffix(filepath.Base(strings.TrimPrefix(on, catalog.MixPrefix)), ".yaml")
	}
	if s.Credit != "" {
		on += "-" + s.Credit
	}
	return filepath.Join("runs", fmt.Sprintf("%s-%s-%d", on, s.Rule, s.Seed))
}
