// Command metatrain learns an optimizer.
//
//	go run ./cmd/metatrain                                          an LSTM on 8x8 MNIST, in two minutes
//	go run ./cmd/metatrain --problem quadratic --budget 10m         on quadratics
//	go run ./cmd/metatrain --resume runs/mnist8-lstm-1 --budget 5m  five minutes more
//
// It writes into the folder given by --out: optimizer.safetensors, the best rule so far; train.safetensors, from which
// --resume continues to the bit; and log.jsonl, a line for every validation.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

const description = `Learns an optimizer: unrolls the training of small problems under a rule, and moves the rule's
weights so that the losses fall faster. Ends with a table against tuned baselines.`

func main() { cli.Main(run) }

// vars are the lists that the help shows.
func vars() cli.Vars {
	return cli.Vars{"problems": strings.Join(catalog.Names(), ", "), "rules": strings.Join(learnedopt.Names(), ", ")}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	if done, err := cli.Parse("metatrain", description, &o, args, stdout, stderr, vars()); done || err != nil {
		return err
	}
	s, err := newSession(o)
	if err != nil {
		return err
	}
	progress, err := cli.NewProgress(o.Progress, stderr, "metatrain")
	if err != nil {
		return err
	}
	defer progress.Close()
	progress.Log("%s", s.settings)
	if err := s.train(ctx, progress); err != nil {
		return interrupted(err, s, progress)
	}
	report, err := s.compare(ctx, progress)
	progress.Close()
	if err != nil {
		return interrupted(err, s, progress)
	}
	fmt.Fprintf(stdout, "wrote %s\n\n", s.dir)
	return report.WriteTable(stdout)
}

// interrupted turns the end of the context into a clean exit: everything is saved by then.
func interrupted(err error, s *session, p cli.Progress) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	p.Close()
	p.Log("stopped after %d episodes; go on with --resume %s", s.trainer.Status().Episodes, s.dir)
	return nil
}

// train runs the outer loop until its time or its episodes are up.
func (s *session) train(ctx context.Context, progress cli.Progress) error {
	began := time.Now()
	fraction := func(st meta.Status) float64 {
		f := 0.0
		if s.episodes > 0 {
			f = float64(st.Episodes) / float64(s.episodes)
		}
		if s.budget > 0 {
			f = max(f, float64(time.Since(began))/float64(s.budget))
		}
		return f
	}
	stop := func(st meta.Status) bool {
		f := fraction(st)
		progress.Update(min(f, 1), fmt.Sprintf("episode %d, loss %.4f", st.Episodes, st.Since.Value()))
		return f >= 1
	}
	report := func(r meta.Record) error {
		mark := ""
		if r.Best {
			mark = "  best"
		}
		progress.Log("episode %d: training loss %.4f, validation loss %.4f%s%s", r.Episodes, r.TrainLoss, r.ValidLoss, mark, troubles(r))
		return s.record(r)
	}
	err := s.trainer.Run(ctx, stop, report)
	if saveErr := s.save(); saveErr != nil {
		return saveErr
	}
	if err != nil {
		return err
	}
	return s.trainer.Finish(ctx, report)
}

// troubles says what went wrong so far, if anything did.
func troubles(r meta.Record) string {
	if r.Skipped == 0 {
		return ""
	}
	return fmt.Sprintf("  (%d outer steps skipped, %d inner runs diverged)", r.Skipped, r.Diverged)
}
