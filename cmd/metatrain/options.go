package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

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

// options are the flags. Those that shape the result are pointers: nil means that nobody said anything, and then a
// resumed run keeps what it had and a new one takes the default of its problem.
type options struct {
	cli.Common
	Problem      *string       `help:"What to learn on: ${problems}. Default mnist8." placeholder:"NAME"`
	Hidden       cli.Widths    `help:"Widths of the network's hidden layers, as in 20,20." placeholder:"N,..."`
	Activation   *string       `help:"The network's units: sigmoid, tanh, relu or elu." placeholder:"NAME"`
	Batch        *cli.Count    `help:"Images in a minibatch. Default 128." placeholder:"N"`
	Data         *string       `help:"Folder of idx files (plain or gzip) to use in place of the embedded MNIST." placeholder:"DIR"`
	Credit       *string       `help:"Credit rule whose signal the optimizer is to see in place of the gradient: ${credits}. Default: the gradient." placeholder:"NAME"`
	CreditConfig *cli.JSON     `help:"The credit rule's settings as JSON, such as {\"scale\":2}; in a YAML file a mapping will do." placeholder:"JSON"`
	Loss         *string       `help:"What is minimised: ${losses}. Default cross-entropy." placeholder:"NAME"`
	Init         *string       `help:"How the network's weights start: ${inits}, or normal with another standard deviation. Default normal0.1." placeholder:"NAME"`
	Rule         *string       `help:"What to learn: ${rules}. Default lstm." placeholder:"NAME"`
	RuleConfig   *cli.JSON     `help:"The rule's settings as JSON, such as {\"hidden\":10}; in a YAML file a mapping will do." placeholder:"JSON"`
	From         *string       `help:"A learned rule to begin with, in place of a random one: a file, or the name of an embedded one: ${zoo}." placeholder:"FILE"`
	Out          *string       `help:"Folder to write to. Default runs/PROBLEM-RULE-SEED, with a credit rule runs/PROBLEM-CREDIT-RULE-SEED, or the folder resumed from." placeholder:"DIR"`
	Resume       *string       `help:"Folder of an earlier run to go on with." placeholder:"DIR"`
	Seed         *cli.Seed     `help:"Names all randomness. Default 1." placeholder:"N"`
	Budget       cli.Budget    `help:"Time to learn in, such as 90s or 10m. Default 2m unless --episodes is given." placeholder:"DURATION"`
	Episodes     cli.Count     `help:"Episodes to learn from, those before a --resume included. Default: as many as the budget allows." placeholder:"N"`
	Horizon      *cli.Count    `help:"Inner steps of an episode. Default 100." placeholder:"N"`
	Window       *cli.Count    `help:"Inner steps between two outer steps. Default 20, or the horizon if that is shorter." placeholder:"N"`
	OuterLR      *cli.Positive `name:"outer-lr" help:"Learning rate of the outer Adam. Default 0.01, for quadratics 0.003." placeholder:"X"`
	Cosine       *cli.Count    `help:"Episodes over which the outer rate falls to nothing along half a cosine. Default: it stays." placeholder:"N"`
	Clip         *cli.Positive `help:"Longest meta-gradient, in the Euclidean norm. Default 1." placeholder:"X"`
	Copies       *cli.Count    `help:"Problems side by side in an episode, each of which counts as one. Default 1, for quadratics 32." placeholder:"N"`
	Every        *cli.Count    `help:"Episodes between validations. Default 20 for each copy, for quadratics 100." placeholder:"N"`
	Average      *float64      `help:"Weight of the past in the running average of the rule's weights, which is what is validated and kept; 0 for none. Default 0.995." placeholder:"X"`
	Keep         *string       `help:"Which rule to keep: best, by validation, or last, as befits a rate that falls to nothing. Default best." placeholder:"best|last"`
	Fraction     *cli.Positive `help:"Part of the coordinates, drawn anew each time, that the meta-gradient is taken over. Default 1." placeholder:"X"`
	Exact        *bool         `help:"Differentiate through the inner gradients too (second derivatives)."`
}

// settings are what a run is determined by. They lie in its training checkpoint. Two ways to say the same make the same
// settings.
type settings struct {
	Problem      string          `json:"problem"`
	Hidden       []int           `json:"hidden,omitempty"`
	Activation   string          `json:"activation,omitempty"`
	Batch        int             `json:"batch,omitempty"`
	Data         string          `json:"data,omitempty"`
	Images       string          `json:"images,omitempty"` // their fingerprint; none in files of earlier versions
	Credit       string          `json:"credit,omitempty"`
	CreditConfig json.RawMessage `json:"credit-config,omitempty"`
	Loss         string          `json:"loss,omitempty"`
	Init         string          `json:"init,omitempty"` // with a credit rule always said: runs that do not say it began at lecun
	Rule         string          `json:"rule"`
	RuleConfig   json.RawMessage `json:"rule-config,omitempty"`
	From         string          `json:"from,omitempty"`
	Seed         uint64          `json:"seed"`
	Horizon      int             `json:"horizon"`
	Window       int             `json:"window"`
	OuterLR      float64         `json:"outer-lr"`
	Cosine       int             `json:"cosine,omitempty"`
	Clip         float64         `json:"clip"`
	Copies       int             `json:"copies"`
	Every        int             `json:"every"`
	Average      float64         `json:"average"`
	Keep         string          `json:"keep,omitempty"` // the best if empty
	Fraction     float64         `json:"fraction"`
	Exact        bool            `json:"exact,omitempty"`
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

// newSettings fills in the defaults around what was given.
func newSettings(o options) (settings, error) {
	s := settings{Problem: "mnist8", Rule: "lstm", Seed: 1, Horizon: 100, Clip: 1, Average: 0.995, Fraction: 1}
	o.apply(&s)
	s.fillIn()
	err := s.canonical()
	return s.plain(), err
}

// begin returns the learned rule that a new run begins with, nil for none. Unless the flags name a rule, it is that one's.
func (s *settings) begin(o options) (*learnedopt.Trained, error) {
	if s.From == "" {
		return nil, nil
	}
	t, err := learnedopt.Load(s.From)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	config, err := json.Marshal(t.Rule)
	if err != nil {
		return nil, fmt.Errorf("--from %s: %w", s.From, err)
	}
	if o.Rule == nil {
		s.Rule = t.Rule.Name()
	}
	if o.RuleConfig == nil && s.Rule == t.Rule.Name() {
		s.RuleConfig = config
	}
	if s.Rule != t.Rule.Name() || string(s.RuleConfig) != string(config) {
		return nil, fmt.Errorf("--from %s: it holds the rule %s %s, not %s %s", s.From, t.Rule.Name(), config, s.Rule, s.RuleConfig)
	}
	return t, nil
}

// fillIn sets what depends on other settings. Quadratics differ so much from one another that one at a time makes a noisy
// meta-gradient, and are so small that many side by side cost little more.
func (s *settings) fillIn() {
	copies, every, rate := 1, 20, 0.01
	if catalog.Cheap(s.Problem) {
		copies, every, rate = 32, 100, 0.003
	}
	if s.OuterLR == 0 {
		s.OuterLR = rate
	}
	if s.Copies == 0 {
		s.Copies = copies
	}
	if s.Every == 0 {
		s.Every = every * s.Copies
	}
	if s.Window == 0 {
		s.Window = min(20, s.Horizon)
	}
}

// plain leaves out what only says a default again.
func (s settings) plain() settings {
	if s.Keep == "best" {
		s.Keep = ""
	}
	o := s.catalog().Plain(s.Problem)
	s.Hidden, s.Activation, s.Batch, s.Loss, s.Init = o.Hidden, o.Activation, o.Batch, o.Loss, o.Init
	if s.Credit != "" && s.Init == "" {
		s.Init = string(nets.Normal)
	}
	return s
}

// canonical writes the rules' configurations in the one way with which two spellings of them can be told equal.
func (s *settings) canonical() error { return errors.Join(s.canonicalRule(), s.canonicalCredit()) }

func (s *settings) canonicalRule() error {
	r, err := learnedopt.Named(s.Rule, s.RuleConfig)
	if err != nil {
		return fmt.Errorf("--rule: %w", err)
	}
	s.RuleConfig, err = json.Marshal(r)
	return err
}

func (s *settings) canonicalCredit() error {
	if s.Credit == "" {
		return nil
	}
	r, err := credit.Named[float32](s.Credit, s.CreditConfig)
	if err != nil {
		return fmt.Errorf("--credit: %w", err)
	}
	s.CreditConfig, err = json.Marshal(r)
	return err
}

// apply overwrites the settings that were given.
func (o options) apply(s *settings) {
	set(&s.Problem, o.Problem)
	if len(o.Hidden) > 0 {
		s.Hidden = o.Hidden
	}
	set(&s.Activation, o.Activation)
	set(&s.Data, o.Data)
	set(&s.Credit, o.Credit)
	if o.CreditConfig != nil {
		s.CreditConfig = json.RawMessage(*o.CreditConfig)
	}
	set(&s.Loss, o.Loss)
	set(&s.Init, o.Init)
	set(&s.Rule, o.Rule)
	if o.From != nil {
		s.From = *o.From
		if slices.Contains(zoo.Names(), s.From) {
			s.From = learnedopt.ZooPrefix + s.From
		}
	}
	if o.RuleConfig != nil {
		s.RuleConfig = json.RawMessage(*o.RuleConfig)
	}
	if o.Seed != nil {
		s.Seed = uint64(*o.Seed)
	}
	setInt(&s.Batch, o.Batch)
	setInt(&s.Horizon, o.Horizon)
	setInt(&s.Window, o.Window)
	setInt(&s.Copies, o.Copies)
	setInt(&s.Every, o.Every)
	setInt(&s.Cosine, o.Cosine)
	set(&s.Exact, o.Exact)
	set(&s.Average, o.Average)
	set(&s.Keep, o.Keep)
	if o.Fraction != nil {
		s.Fraction = float64(*o.Fraction)
	}
	if o.OuterLR != nil {
		s.OuterLR = float64(*o.OuterLR)
	}
	if o.Clip != nil {
		s.Clip = float64(*o.Clip)
	}
}

// sizes are the flags that decide how much memory a run takes.
func (o options) sizes() []cli.Given {
	return []cli.Given{
		{Name: "hidden", Value: o.Hidden}, {Name: "batch", Value: o.Batch}, {Name: "copies", Value: o.Copies}, {Name: "horizon", Value: o.Horizon},
		{Name: "window", Value: o.Window}, {Name: "rule-config", Value: o.RuleConfig}, {Name: "credit-config", Value: o.CreditConfig},
	}
}

func set[T any](dst *T, v *T) {
	if v != nil {
		*dst = *v
	}
}

func setInt(dst *int, v *cli.Count) {
	if v != nil {
		*dst = int(*v)
	}
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
		return saved, fmt.Errorf("--resume %s: settings: %w", *o.Resume, err)
	}
	if saved.Credit != "" && saved.Init == "" {
		saved.Init = string(nets.LeCun)
	}
	saved = saved.plain()
	if saved.Data != "" {
		set(&saved.Data, o.Data)
	}
	wanted := saved
	o.apply(&wanted)
	if wanted.Rule == saved.Rule {
		err = wanted.canonicalRule()
	}
	if wanted.Credit == saved.Credit {
		err = errors.Join(err, wanted.canonicalCredit())
	}
	if err != nil {
		return saved, err
	}
	was, want, said := reflect.ValueOf(saved), reflect.ValueOf(wanted.plain()), reflect.ValueOf(wanted)
	for i := range was.NumField() {
		if !reflect.DeepEqual(was.Field(i).Interface(), want.Field(i).Interface()) {
			name, _, _ := strings.Cut(was.Type().Field(i).Tag.Get("json"), ",")
			return saved, fmt.Errorf("--%s %s: the run in %s has %s, which can't be changed", name, text(said.Field(i)), *o.Resume, text(was.Field(i)))
		}
	}
	return saved, nil
}

// text words a setting, a list as it is written on the command line.
func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case json.RawMessage:
		return string(x)
	case []int:
		if len(x) > 0 {
			return strings.Trim(strings.ReplaceAll(fmt.Sprint(x), " ", ","), "[]")
		}
		return "the default"
	case string:
		if x == "" {
			return "the default"
		}
	case int: // 0 only where it stands for a default or for none
		if x == 0 {
			return "the default"
		}
	}
	return fmt.Sprint(v.Interface())
}

// check reports names that are empty: they are likely to come from a variable that is not set, and would
// otherwise quietly mean something else.
func (o options) check() error {
	for _, f := range []struct {
		name string
		dir  *string
	}{{"data", o.Data}, {"out", o.Out}, {"resume", o.Resume}} {
		if f.dir != nil && *f.dir == "" {
			return fmt.Errorf("--%s: want the name of a folder, got nothing", f.name)
		}
	}
	if o.From != nil && *o.From == "" {
		return errors.New("--from: want the name of a file, got nothing")
	}
	if o.Credit != nil && *o.Credit == "" {
		return errors.New("--credit: want the name of a credit rule, got nothing")
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
	if s.Fraction > 1 {
		return fmt.Errorf("--fraction: want a number above 0 and at most 1, got %v", s.Fraction)
	}
	return s.validateCredit()
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
	case s.Credit == "" && s.CreditConfig != nil:
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
		Data: s.Data, Hidden: s.Hidden, Activation: s.Activation, Batch: s.Batch,
		Credit: s.Credit, CreditConfig: s.CreditConfig, Loss: s.Loss, Init: s.Init,
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

// limits returns how long to learn: a time, a number of episodes, or whichever comes first.
func (o options) limits() (budget time.Duration, episodes int) {
	budget, episodes = o.Budget.Duration(), int(o.Episodes)
	if budget == 0 && episodes == 0 {
		budget = 2 * time.Minute
	}
	return budget, episodes
}

// out returns the folder to write to.
func (o options) out(s settings) string {
	switch {
	case o.Out != nil:
		return *o.Out
	case o.Resume != nil:
		return *o.Resume
	}
	on := s.Problem
	if s.Credit != "" {
		on += "-" + s.Credit
	}
	return filepath.Join("runs", fmt.Sprintf("%s-%s-%d", on, s.Rule, s.Seed))
}
