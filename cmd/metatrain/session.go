package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

// The files of a run, in its folder.
const (
	optimizerFile = "optimizer.safetensors"
	trainFile     = "train.safetensors"
	logFile       = "log.jsonl"
)

// metaLog is the metadata key under which a training checkpoint holds the length of the log that belongs to it.
const metaLog = "log_bytes"

// The keys of a session's parts are children of its seed.
const (
	keyTraining   = 'L'<<8 + 1
	keyValidation = 'L'<<8 + 2
)

// A session is a run of this command: what it learns, how long, and where it writes.
type session struct {
	settings settings
	dir      string
	budget   time.Duration // 0: no limit
	episodes int           // 0: no limit
	rule     learnedopt.Rule
	start    *learnedopt.Trained // nil: drawn, or resumed
	trainer  *meta.Trainer
	logBytes int64
}

// newSession sets everything up, or reports the first thing that is wrong. It writes nothing before all is known to be
// in order.
func newSession(o options) (*session, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var from *checkpoints.File
	s := &session{}
	var err error
	if o.Resume != nil {
		if from, err = checkpoints.Load(filepath.Join(*o.Resume, trainFile), meta.KindTraining); err != nil {
			return nil, fmt.Errorf("--resume: %w", err)
		}
		s.settings, err = resumed(o, from)
	} else {
		s.settings, err = newSettings(o)
	}
	if err != nil {
		return nil, err
	}
	if from == nil {
		if s.start, err = s.settings.begin(o); err != nil {
			return nil, err
		}
	}
	if err := s.settings.validate(); err != nil {
		return nil, err
	}
	s.budget, s.episodes = o.limits()
	s.dir = o.out(s.settings)
	if err := s.build(); err != nil {
		return nil, err
	}
	if from == nil {
		return s, s.create()
	}
	if err := s.trainer.Restore(from); err != nil {
		return nil, fmt.Errorf("--resume %s: %w", *o.Resume, err)
	}
	return s, s.goOn(*o.Resume, from)
}

// build makes the trainer.
func (s *session) build() error {
	c := s.settings
	var err error
	if s.rule, err = learnedopt.Named(c.Rule, c.RuleConfig); err != nil {
		return err
	}
	family, err := c.family(catalog.Train)
	if err != nil {
		return err
	}
	validation, err := c.family(catalog.Valid)
	if err != nil {
		return err
	}
	estimator, err := meta.NewBPTT(meta.BPTTConfig{
		Rule: s.rule, Family: family, Horizon: c.Horizon, Window: c.Window, Exact: c.Exact, Copies: c.Copies, Fraction: c.Fraction,
	})
	if err != nil {
		return err
	}
	runs := eval.Runs{Family: validation, Steps: c.Horizon, Count: s.validationRuns(), Key: rng.Split(c.Seed, keyValidation)}
	if err := runs.Validate(s.rule); err != nil {
		return err
	}
	var start []float32
	if s.start != nil {
		start = s.start.Phi
	}
	s.trainer, err = meta.NewTrainer(meta.TrainerConfig{
		Rule: s.rule, Start: start, Estimator: estimator, Outer: &learnedopt.Adam{LR: c.OuterLR}, Clip: c.Clip,
		Key: rng.Split(c.Seed, keyTraining), Every: c.Every, Average: c.Average, Cosine: c.Cosine,
		Validate: func(ctx context.Context, phi []float32) (float64, error) {
			losses, err := eval.Measure(ctx, &learnedopt.Trained{Rule: s.rule, Phi: phi}, runs)
			if err != nil {
				return 0, err
			}
			return losses.Mean().Mean, nil
		},
	})
	return err
}

func (s *session) validationRuns() int {
	if catalog.Cheap(s.settings.Problem) {
		return 200
	}
	return 8
}

// create makes the folder of a new run. The run can be resumed from then on.
func (s *session) create() error {
	if err := s.refuseToOverwrite(); err != nil {
		return err
	}
	if err := cli.EnsureDir(s.dir); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return errors.Join(s.writeLog(nil), s.save())
}

// goOn makes the folder of a resumed run ready. In place there is nothing to do: what a killed run wrote after its last
// checkpoint is overwritten by the same once this one has come as far. Another folder gets what it needs.
func (s *session) goOn(old string, from *checkpoints.File) error {
	log, err := os.ReadFile(filepath.Join(old, logFile))
	if err != nil {
		return fmt.Errorf("--resume: %w", err)
	}
	if s.logBytes, err = strconv.ParseInt(from.Meta[metaLog], 10, 64); err != nil {
		return fmt.Errorf("--resume %s: length of the log: %w", old, err)
	}
	if s.logBytes < 0 || int64(len(log)) < s.logBytes {
		return fmt.Errorf("--resume %s: %s has %d bytes, want at least %d", old, logFile, len(log), s.logBytes)
	}
	if sameDir(old, s.dir) {
		if err := cli.EnsureDir(s.dir); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
		return nil
	}
	if err := s.refuseToOverwrite(); err != nil {
		return err
	}
	if err := cli.EnsureDir(s.dir); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	log, s.logBytes = log[:s.logBytes], 0
	if err := s.writeLog(log); err != nil {
		return err
	}
	s.logBytes = int64(len(log))
	return errors.Join(s.save(), s.saveBest())
}

// sameDir reports whether two paths lead to the same folder.
func sameDir(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// refuseToOverwrite reports a folder that holds a run.
func (s *session) refuseToOverwrite() error {
	for _, name := range []string{trainFile, optimizerFile, logFile} {
		if _, err := os.Lstat(filepath.Join(s.dir, name)); err == nil {
			return fmt.Errorf("--out %s: it holds a run already; go on with it by --resume %s, or choose another folder", s.dir, s.dir)
		}
	}
	return nil
}

// record puts the outcome of a validation into the log and saves. The log comes first: a checkpoint that a killed run
// leaves behind finds its part of the log whole.
func (s *session) record(r meta.Record) error {
	line, err := logLine(r)
	if err != nil {
		return err
	}
	if err := s.writeLog(line); err != nil {
		return err
	}
	s.logBytes += int64(len(line))
	return errors.Join(s.save(), s.saveBest())
}

// finish is record for the validation at the end of the run, which a longer run would not have made here. So the training
// checkpoint stays as it is, from before; a resumed run puts its own next line in place of this one. Without a line it
// cuts off what a killed run may have left in the log.
func (s *session) finish(line []byte) error {
	if err := s.writeLog(line); err != nil {
		return err
	}
	return s.saveBest()
}

func logLine(r meta.Record) ([]byte, error) {
	line, err := json.Marshal(r)
	return append(line, '\n'), err
}

// writeLog writes text after the log's first logBytes bytes, in place of all that follows them.
func (s *session) writeLog(text []byte) error {
	f, err := os.OpenFile(filepath.Join(s.dir, logFile), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = f.Truncate(s.logBytes)
	if err == nil {
		_, err = f.WriteAt(text, s.logBytes)
	}
	if err == nil {
		err = f.Sync() // a checkpoint that survives a loss of power needs its part of the log
	}
	return errors.Join(err, f.Close())
}

// save writes the training checkpoint.
func (s *session) save() error {
	config, err := json.Marshal(s.settings)
	if err != nil {
		return err
	}
	f, err := s.trainer.Checkpoint(config)
	if err != nil {
		return err
	}
	f.Meta[metaLog] = strconv.FormatInt(s.logBytes, 10)
	return f.Save(filepath.Join(s.dir, trainFile))
}

// saveBest writes the rule to be kept.
func (s *session) saveBest() error { return s.kept().Save(filepath.Join(s.dir, optimizerFile)) }

// kept returns the rule to be kept, the best so far or the last, and where it comes from.
func (s *session) kept() *learnedopt.Trained {
	c, st := s.settings, s.trainer.Status()
	t := &learnedopt.Trained{Rule: s.rule, Provenance: map[string]string{
		"problem":  c.Problem,
		"seed":     strconv.FormatUint(c.Seed, 10),
		"horizon":  strconv.Itoa(c.Horizon),
		"window":   strconv.Itoa(c.Window),
		"copies":   strconv.Itoa(c.Copies),
		"average":  strconv.FormatFloat(c.Average, 'g', -1, 64),
		"fraction": strconv.FormatFloat(c.Fraction, 'g', -1, 64),
		"outer_lr": strconv.FormatFloat(c.OuterLR, 'g', -1, 64),
		"cosine":   strconv.Itoa(c.Cosine),
		"exact":    strconv.FormatBool(c.Exact),
	}}
	if c.From != "" {
		t.Provenance["from"] = c.From
	}
	if c.Credit != "" {
		t.Provenance["credit"], t.Provenance["credit_config"] = c.Credit, string(c.CreditConfig)
	}
	if c.Loss != "" {
		t.Provenance["loss"] = c.Loss
	}
	if c.Keep == "last" {
		t.Phi, t.Provenance["episodes"], t.Provenance["keep"] = s.trainer.Mean(), strconv.Itoa(st.Episodes), c.Keep
		return t
	}
	t.Phi, t.Provenance["episodes"] = s.trainer.Best(), strconv.Itoa(st.BestEpisode)
	if st.Best < math.MaxFloat64 { // else no validation came out finite, and phi is where it began
		t.Provenance["validation_loss"] = strconv.FormatFloat(st.Best, 'g', -1, 64)
	}
	return t
}

// compare measures the rule that is kept against the tuned baselines, on the problems set apart for this.
func (s *session) compare(ctx context.Context, p cli.Progress) (*eval.Report, error) {
	test, err := s.settings.family(catalog.Test)
	if err != nil {
		return nil, err
	}
	tuning, err := s.settings.family(catalog.Train)
	if err != nil {
		return nil, err
	}
	c := eval.Comparison{
		Problem: s.settings.Problem, Credit: s.settings.Credit, Test: test, Tuning: tuning,
		Steps: s.settings.Horizon, Runs: 20, TuningRuns: 10, Seed: s.settings.Seed,
		Contenders: []eval.Contender{{Name: s.rule.Name(), Learned: s.kept()}},
		Progress:   func(f float64, next string) { p.Update(f, next) },
	}
	if catalog.Cheap(s.settings.Problem) {
		c.Runs, c.TuningRuns = 200, 100
	}
	for _, b := range eval.Baselines() {
		c.Contenders = append(c.Contenders, eval.Contender{Name: b.Name, Baseline: &b})
	}
	report, err := c.Run(ctx)
	if err == nil {
		p.Update(1, "")
	}
	return report, err
}
