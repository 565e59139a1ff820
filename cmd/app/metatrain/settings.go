package metatrain

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

// settings are what a run is determined by. Each is in one place, here, and is a flag, a key of the YAML file, a variable of the
// environment, a member of the JSON in the training checkpoint and a line of the rule's provenance. Two ways to say the same
// make the same settings; a value of zero in the checkpoint, left out, is what the problem or the program has for a default.
//
// Besides what kong and encoding/json make of them the tags say: provenance:"-", not to be in the provenance; memory, a flag
// to blame where there is too little of it.
type settings struct {
	Problem         string       `json:"problem" default:"mnist8" placeholder:"NAME" help:"What to learn on: ${problems}. Default ${default}."`
	Hidden          cli.Widths   `json:"hidden,omitempty" memory:"" placeholder:"N,..." help:"Widths of the network's hidden layers, as in 20,20."`
	Activation      string       `json:"activation,omitempty" placeholder:"NAME" help:"The network's units: sigmoid, tanh, relu or elu."`
	Batch           cli.Count    `json:"batch,omitempty" memory:"" placeholder:"N" help:"Images in a minibatch. Default 128."`
	Data            string       `json:"data,omitempty" provenance:"-" placeholder:"DIR" help:"Folder of idx files (plain or gzip) to use in place of the embedded MNIST."`
	Images          string       `json:"images,omitempty" kong:"-"` // their fingerprint; none in files of earlier versions
	Credit          string       `json:"credit,omitempty" placeholder:"NAME" help:"Credit rule whose signal the optimizer is to see in place of the gradient: ${credits}. Default: the gradient."`
	CreditConfig    cli.JSON     `json:"credit-config,omitempty" memory:"" placeholder:"JSON" help:"The credit rule's settings as JSON, such as {\"scale\":2}; in a YAML file a mapping will do."`
	Loss            string       `json:"loss,omitempty" placeholder:"NAME" help:"What is minimised: ${losses}. Default cross-entropy."`
	Init            string       `json:"init,omitempty" placeholder:"NAME" help:"How the network's weights start: ${inits}, or normal with another standard deviation. Default normal0.1."` // with a credit rule always said: runs that do not say it began at lecun
	Rule            string       `json:"rule" provenance:"-" default:"lstm" placeholder:"NAME" help:"What to learn: ${rules}. Default ${default}."`
	RuleConfig      cli.JSON     `json:"rule-config,omitempty" provenance:"-" memory:"" placeholder:"JSON" help:"The rule's settings as JSON, such as {\"hidden\":10}; in a YAML file a mapping will do."`
	From            string       `json:"from,omitempty" placeholder:"FILE,..." help:"A learned rule to begin with, in place of a random one: a file, or the name of an embedded one: ${zoo}. Of several, the mean of their numbers, with the settings of the first; one that is named twice counts twice."`
	Tasks           cli.Count    `json:"tasks,omitempty" placeholder:"N" help:"How many of the problem's tasks to learn on; which, the seed says. The table is on the others. Default: those of boolean 8 of 14."`
	Seed            cli.Seed     `json:"seed" default:"1" placeholder:"N" help:"Names all randomness. Default ${default}."`
	Learner         string       `json:"learner,omitempty" placeholder:"NAME" help:"How to learn: bptt, by a gradient, however that is estimated, or ${searches}, by trying out candidates. Default bptt."`
	LearnerConfig   cli.JSON     `json:"learner-config,omitempty" memory:"" placeholder:"JSON" help:"The settings of a search as JSON, such as {\"lambda\":50}; in a YAML file a mapping will do. Default: the search's own, but for lives steps of 0.2 by es, cmaes and anneal, a spread of 0.3 by ga, a parsimony of 0.0001 by gp, and by anneal a temperature of 0.02 that cools by 0.99."`
	Estimator       string       `json:"estimator,omitempty" placeholder:"NAME" help:"How the gradient is estimated: ${estimators}; all but bptt differentiate nothing. Default bptt."`
	EstimatorConfig cli.JSON     `json:"estimator-config,omitempty" memory:"" placeholder:"JSON" help:"The settings of such an estimator as JSON, such as {\"pairs\":32,\"sigma\":0.02}; in a YAML file a mapping will do."`
	Horizon         cli.Count    `json:"horizon" memory:"" placeholder:"N" help:"Inner steps of an episode. Default 100, or as many as a life has."`
	Window          cli.Count    `json:"window" memory:"" placeholder:"N" help:"Inner steps between two outer steps. Default 20, or the horizon if that is shorter or a life, or with --estimator es."`
	Curriculum      cli.Widths   `json:"curriculum,omitempty" placeholder:"N,..." help:"Lengths of shorter episodes to begin with, 100 outer steps of each. Default none; for lives, by --estimator bptt, those of 12,32,60 that are shorter; the horizon means none."`
	Objective       string       `json:"objective,omitempty" placeholder:"NAME" help:"Which of a window's losses are minimised: ${objectives}. Default borders, the mean of all, those at both of its ends included; for lives last, with any other --estimator than bptt mean, of those after each step."`
	MetaLoss        cli.JSON     `json:"meta-loss,omitempty" placeholder:"JSON" help:"What each loss counts as, as JSON: {\"log\":true} its logarithm, {\"baseline\":\"adam\",\"baseline_config\":{\"lr\":0.01}} relative to that of a baseline in the same episode, {\"minibatches\":\"other\"} that on minibatches that no step sees, or any of these together, with \"eps\" added to losses. Default the loss itself."`
	OuterLR         cli.Positive `json:"outer-lr" name:"outer-lr" placeholder:"X" help:"Learning rate of the outer Adam. Default 0.01, for quadratics 0.003, for lives 0.02."`
	Cosine          cli.Count    `json:"cosine,omitempty" placeholder:"N" help:"Episodes over which the outer rate falls to nothing along half a cosine. Default: it stays."`
	Settle          bool         `json:"settle,omitempty" help:"Let the outer rate fall to nothing by the end: over --episodes, or over as many as the --budget is found to be enough for; their number is told, and the run ends after it."`
	Clip            cli.Positive `json:"clip" placeholder:"X" help:"Longest meta-gradient, in the Euclidean norm. Default 1, for lives 0.3."`
	Copies          cli.Count    `json:"copies" memory:"" placeholder:"N" help:"Problems side by side in an episode, each of which counts as one. Default 1, for quadratics by --estimator bptt 32, for lives 1 of each task but at most 32, by --estimator bptt 4 but at most 64, or 8."`
	TasksPerStep    cli.Count    `json:"tasks-per-step,omitempty" name:"tasks-per-step" aliases:"members" memory:"" placeholder:"N" help:"Estimates of the gradient that an outer step is the mean of, each of episodes of its own: its members, which can be made by other processes (--listen). Also --members. Default 1."`
	Every           cli.Count    `json:"every" placeholder:"N" help:"Episodes between validations. Default 20 for each copy, for quadratics 100, for lives 10 outer steps; times the pairs of an --estimator, and the tasks of a step."`
	Average         float64      `json:"average" default:"0.995" placeholder:"X" help:"Weight of the past in the running average of the rule's weights, which is what is validated and kept; 0 for none. Default ${default}."`
	Keep            string       `json:"keep,omitempty" placeholder:"best|last" help:"Which rule to keep: best, by validation, or last, as befits a rate that falls to nothing. Default best."`
	Fraction        cli.Positive `json:"fraction" default:"1" placeholder:"X" help:"Part of the coordinates, drawn anew each time, that the meta-gradient is taken over. Default ${default}."`
	Exact           bool         `json:"exact,omitempty" help:"Differentiate through the inner gradients too (second derivatives)."`
}

// String names the run on one line.
func (s settings) String() string {
	return fmt.Sprintf("%s on %s, seed %d: horizon %d, window %d, outer rate %g", s.Rule, s.what(), s.Seed, s.Horizon, s.Window, s.OuterLR)
}

// what names the problem, and the credit rule if there is one.
func (s settings) what() string {
	if s.Credit == "" {
		return s.Problem
	}
	return s.Problem + " under " + s.Credit
}

// fillIn sets what depends on other settings. Quadratics differ so much from one another that one at a time makes a noisy
// meta-gradient, and are so small that many side by side cost little more.
func (s *settings) fillIn() error {
	life := s.life()
	d := defaults{copies: 1, every: 20, rate: 0.01, clip: 1, horizon: 100, window: 20}
	switch {
	case life > 0:
		var err error
		if d, err = s.ofLives(life); err != nil {
			return err
		}
	case catalog.Cheap(s.Problem):
		d.copies, d.every, d.rate = 32, 100, 0.003
	}
	if s.perturbs() || s.distils() {
		s.ofPairs(&d, life > 0)
	}
	s.OuterLR, s.Clip = cmp.Or(s.OuterLR, d.rate), cmp.Or(s.Clip, d.clip)
	s.Copies, s.Horizon = cmp.Or(s.Copies, d.copies), cmp.Or(s.Horizon, d.horizon)
	s.Every = cmp.Or(s.Every, d.every*s.Copies*cli.Count(s.tasksPerStep()))
	s.Window = cmp.Or(s.Window, min(d.window, s.Horizon))
	if len(s.Curriculum) == 0 {
		s.Curriculum = d.curriculum(int(s.Horizon))
	}
	return nil
}

// defaults are those that depend on the problem; every is for each copy.
type defaults struct {
	copies, every, horizon, window cli.Count
	rate, clip                     cli.Positive
	lengths                        []int // of the curriculum's episodes
}

// curriculum returns the lengths that are below the horizon.
func (d defaults) curriculum(horizon int) cli.Widths {
	var shorter cli.Widths
	for _, n := range d.lengths {
		if n < horizon {
			shorter = append(shorter, n)
		}
	}
	return shorter
}

// life returns the number of steps of a life of the problem, 0 if its runs are none. What is wrong with the problem comes out
// later, with all else.
func (s settings) life() int {
	o := s.catalog()
	o.Split = catalog.Train
	life, _ := catalog.Life(s.Problem, o)
	return life
}

// plain leaves out what only says a default again.
func (s settings) plain() settings {
	if s.Keep == "best" {
		s.Keep = ""
	}
	if s.Learner == bptt {
		s.Learner = ""
	}
	if s.Estimator == bptt {
		s.Estimator = ""
	}
	if s.TasksPerStep == 1 {
		s.TasksPerStep = 0
	}
	if s.Objective == s.usualObjective() {
		s.Objective = ""
	}
	o := s.catalog().Plain(s.Problem)
	s.Hidden, s.Activation, s.Batch, s.Loss, s.Init, s.Tasks = o.Hidden, o.Activation, cli.Count(o.Batch), o.Loss, o.Init, cli.Count(o.Tasks)
	if s.Credit != "" && s.Init == "" {
		s.Init = string(nets.Normal)
	}
	return s
}

// canonical writes the rules' configurations in the one way with which two spellings of them can be told equal, and the names
// of embedded rules in full.
func (s *settings) canonical() error {
	s.canonicalFrom()
	return errors.Join(s.canonicalRule(), s.canonicalCredit(), s.canonicalLearner(), s.canonicalEstimator(), s.canonicalMetaLoss())
}

func (s *settings) canonicalFrom() {
	files := strings.Split(s.From, ",")
	for i, f := range files {
		if slices.Contains(zoo.Names(), f) {
			files[i] = learnedopt.ZooPrefix + f
		}
	}
	s.From = strings.Join(files, ",")
}

func (s *settings) canonicalRule() error {
	r, err := learnedopt.Named(s.Rule, json.RawMessage(s.RuleConfig))
	if err != nil {
		return fmt.Errorf("--rule: %w", err)
	}
	config, err := json.Marshal(r)
	s.RuleConfig = cli.JSON(config)
	return err
}

func (s *settings) canonicalCredit() error {
	if s.Credit == "" {
		return nil
	}
	r, err := credit.Named[float32](s.Credit, json.RawMessage(s.CreditConfig))
	if err != nil {
		return fmt.Errorf("--credit: %w", err)
	}
	config, err := json.Marshal(r)
	s.CreditConfig = cli.JSON(config)
	return err
}

// resumed returns the settings of a saved run. What was given besides must agree with them, except that a folder of data
// may have moved.
func resumed(o options, f *checkpoints.File) (settings, error) {
	var saved settings
	err := json.Unmarshal(meta.CheckpointConfig(f), &saved)
	if err == nil {
		err = saved.canonical()
	}
	if err != nil {
		return saved, fmt.Errorf("--resume %s: settings: %w", o.Resume, err)
	}
	if saved.Credit != "" && saved.Init == "" {
		saved.Init = string(nets.LeCun)
	}
	saved = saved.plain()
	if saved.Data != "" && o.Given("data") {
		saved.Data = o.Data
	}
	wanted := saved
	o.apply(&wanted)
	wanted.canonicalFrom()
	if wanted.Rule == saved.Rule {
		err = wanted.canonicalRule()
	}
	if wanted.Credit == saved.Credit {
		err = errors.Join(err, wanted.canonicalCredit())
	}
	if wanted.Learner == saved.Learner {
		err = errors.Join(err, wanted.canonicalLearner())
	}
	if wanted.Estimator == saved.Estimator {
		err = errors.Join(err, wanted.canonicalEstimator())
	}
	err = errors.Join(err, wanted.canonicalMetaLoss())
	if err != nil {
		return saved, err
	}
	return saved, saved.agrees(wanted, o.Resume)
}

// agrees reports the first setting that somebody wants other than it is in the run of a folder.
func (s settings) agrees(wanted settings, dir string) error {
	plain := wanted.plain()
	was, want, said := s.fields(), plain.fields(), wanted.fields()
	for i, f := range was {
		if !reflect.DeepEqual(f.value.Interface(), want[i].value.Interface()) {
			const standard = "the default"
			return fmt.Errorf("--%s %s: the run in %s has %s, which can't be changed",
				f.name, cmp.Or(said[i].text(), standard), dir, cmp.Or(f.text(), standard))
		}
	}
	return nil
}

// validate reports what makes no sense before anything is written.
func (s settings) validate() error {
	if err := machine.Fits(s.atLeast()); err != nil {
		return err
	}
	if s.Window > s.Horizon {
		return fmt.Errorf("--window %d: want at most the horizon, %d", s.Window, s.Horizon)
	}
	if !(s.Average >= 0 && s.Average < 1) {
		return fmt.Errorf("--average: want a number from 0 to below 1, got %v", s.Average)
	}
	if !slices.Contains([]string{"", "best", "last"}, s.Keep) {
		return fmt.Errorf("--keep %s: want best or last", s.Keep)
	}
	if known := s.objectivesOf(); !slices.Contains(known, cmp.Or(s.Objective, s.usualObjective())) {
		return fmt.Errorf("--objective %s: want one of %s", s.Objective, strings.Join(known, ", "))
	}
	if s.Fraction > 1 {
		return fmt.Errorf("--fraction: want a number above 0 and at most 1, got %v", s.Fraction)
	}
	return errors.Join(s.validateCredit(), s.validateLearner(), s.validateEstimator(), s.validateSettle())
}

// objectives returns the names of what can be minimised.
func objectives() []string {
	var names []string
	for _, o := range meta.Objectives() {
		names = append(names, string(o))
	}
	return names
}

// atLeast returns the bytes of what takes most of the memory of networks whose sizes are no mistake but too large together:
// minibatches, and for each layer what comes in, what goes out and the cotangents of that. To know more takes the problem,
// which has made all this by then.
func (s settings) atLeast() float64 {
	units := 0.0
	for _, width := range s.Hidden {
		units += 3 * float64(width)
	}
	return units * float64(s.Batch) * float64(s.Copies) * machine.Size[float32]()
}

// validateCredit reports what makes no sense with a credit rule, or without one.
func (s settings) validateCredit() error {
	switch {
	case s.Credit == "" && s.CreditConfig != "":
		return errors.New("--credit-config: these are the settings of a --credit rule, and there is none")
	case s.Credit != "" && s.Credit != "backprop" && s.Exact:
		return fmt.Errorf("--exact: not with --credit %s: its signal has no second derivatives", s.Credit)
	}
	return nil
}

// family returns the problems of a split.
func (s settings) family(split catalog.Split) (inner.Family, error) {
	o := s.catalog()
	o.Split = split
	return catalog.Lookup(s.Problem, o)
}

// catalog returns what the settings say about the problem.
func (s settings) catalog() catalog.Options {
	return catalog.Options{
		Data: s.Data, Hidden: s.Hidden, Activation: s.Activation, Batch: int(s.Batch),
		Credit: s.Credit, CreditConfig: json.RawMessage(s.CreditConfig), Loss: s.Loss, Init: s.Init,
		Tasks: int(s.Tasks), TaskSeed: s.taskSeed(),
	}
}

// know takes note of the run's images, and reports others than those that it began with.
func (s *settings) know() error {
	found, err := catalog.Fingerprint(s.Problem, s.catalog())
	if err != nil {
		return err
	}
	if s.Images != "" && found != s.Images {
		return fmt.Errorf("--data %s: these are not the images that the run began with: their sha256 begins with %.12s, want %.12s",
			cmp.Or(s.Data, "(embedded)"), found, s.Images)
	}
	s.Images = found
	return nil
}
