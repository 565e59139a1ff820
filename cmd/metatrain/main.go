// Command metatrain learns an optimizer.
//
//	go run ./cmd/metatrain                                          an LSTM on 8x8 MNIST, in two minutes
//	go run ./cmd/metatrain --problem quadratic --budget 10m         on quadratics
//	go run ./cmd/metatrain --credit fa                              for networks that learn by feedback alignment
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
	"math"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

const description = `Learns an optimizer: unrolls the training of small problems under a rule, and moves the rule's
weights so that the losses fall faster. Ends with a table against tuned baselines. With --credit the optimizer and the
baselines see a credit rule's signal in place of the gradient; the losses stay what they are.`

func main() { cli.Main(run) }

// vars are the lists that the help shows.
func vars() cli.Vars {
	return cli.Vars{
		"problems": strings.Join(catalog.Names(), ", "), "rules": strings.Join(learnedopt.Names(), ", "),
		"credits": strings.Join(credit.Names(), ", "), "losses": strings.Join(nets.Losses(), ", "),
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	if done, err := cli.Parse("metatrain", description, &o, args, stdout, stderr, vars()); done || err != nil {
		return err
	}
	s, err := newSession(o)
	if err != nil {
		return cli.Blame(err, o.sizes()...)
	}
	progress, err := cli.NewProgress(o.Progress, stderr, "metatrain")
	if err != nil {
		return err
	}
	defer progress.Close()
	progress.Log("%s%s", s.settings, s.resumedAt())
	if err := s.train(ctx, progress); err != nil {
		return interrupted(err, s, progress)
	}
	progress.Close()
	// A display of its own, since this begins at nothing again.
	comparing, err := cli.NewProgress(o.Progress, stderr, "comparing")
	if err != nil {
		return err
	}
	defer comparing.Close()
	report, err := s.compare(ctx, comparing)
	if err != nil {
		return interrupted(err, s, comparing)
	}
	comparing.Close()
	fmt.Fprintf(stdout, "wrote %s\n\n", s.dir)
	return report.WriteTable(stdout)
}

// resumedAt says where a resumed run begins.
func (s *session) resumedAt() string {
	if n := s.trainer.Status().Episodes; n > 0 {
		return fmt.Sprintf("; resumed after %d episodes", n)
	}
	return ""
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
	loss := "" // of late; empty before the first outer step
	stop := func(st meta.Status) bool {
		f := fraction(st)
		if st.Since.Count > 0 {
			loss = fmt.Sprintf(", loss %.4f", st.Since.Value())
		}
		progress.Update(f, fmt.Sprintf("episode %d%s", st.Episodes, loss))
		return f >= 1
	}
	err := s.trainer.Run(ctx, stop, func(r meta.Record) error {
		progress.Log("%s", line(r))
		return s.record(r)
	})
	if saveErr := s.save(); saveErr != nil {
		return saveErr
	}
	if err != nil {
		return err
	}
	var last []byte // line of the log; none if the last outer step has been validated already
	err = s.trainer.Finish(ctx, func(r meta.Record) error {
		progress.Log("%s", line(r))
		last, err = logLine(r)
		return err
	})
	if err != nil {
		return err
	}
	return s.finish(last)
}

// line words the outcome of a validation.
func line(r meta.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "episode %d: ", r.Episodes)
	if !math.IsNaN(float64(r.TrainLoss)) { // nothing was learned from yet, or nothing came out finite
		fmt.Fprintf(&b, "training loss %.4f, ", r.TrainLoss)
	}
	if v := float64(r.ValidLoss); math.IsNaN(v) || math.IsInf(v, 0) {
		b.WriteString("validation diverged")
	} else {
		fmt.Fprintf(&b, "validation loss %.4f", v)
	}
	if r.Best {
		b.WriteString("  best")
	}
	if r.Skipped > 0 {
		fmt.Fprintf(&b, "  (%d outer steps skipped, %d inner runs diverged)", r.Skipped, r.Diverged)
	}
	return b.String()
}
