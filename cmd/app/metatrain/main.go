// Package metatrain is the command metatrain, for programs that have rules and problems of their own besides ours: see
// learnedopt.Register and catalog.Register. What it does is told where ours is made, in cmd/metatrain.
package metatrain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/cmd/app/doctor"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
)

const description = `Learns an optimizer: unrolls the training of small problems under a rule, and moves the rule's
weights so that the losses fall faster. Ends with a table against tuned baselines. With --credit the optimizer and the
baselines see a credit rule's signal in place of the gradient; the losses stay what they are.

"metatrain doctor" tries whether this machine is fit for it, and says what to do if it is not.`

// doctorWord is the first argument that asks for package doctor in place of a run.
const doctorWord = "doctor"

// Main runs the command as the process: arguments, standard streams, signals and exit status. It returns if all went well.
func Main() { cli.Main(Run) }

// vars are the lists that the help shows.
func vars() cli.Vars {
	return cli.Vars{
		"problems": strings.Join(catalog.Names(), ", "), "rules": strings.Join(learnedopt.Names(), ", "),
		"credits": strings.Join(credit.Names(), ", "), "losses": strings.Join(nets.Losses(), ", "),
		"inits":    strings.Join(nets.Inits(), ", "),
		"searches": strings.Join(search.Names(), ", "), "estimators": strings.Join(estimators(), ", "),
		"recipes":    strings.Join(recipeNames(), ", "),
		"objectives": strings.Join(objectives(), ", "), "zoo": strings.Join(zoo.Names(), ", "),
	}
}

// Run runs the command with the given arguments until the context ends. The error is one line, for the user.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == doctorWord {
		return doctor.Run(ctx, args[1:], stdout, stderr)
	}
	var o options
	if done, err := cli.Parse("metatrain", description, &o, args, stdout, stderr, vars()); done || err != nil {
		return err
	}
	if o.Given("connect") {
		return work(ctx, o, stderr)
	}
	if o.Given("view") {
		return view(ctx, o, stderr)
	}
	port, err := o.listen()
	if err != nil {
		return err
	}
	s, err := newSession(ctx, o, rundir.OS{})
	if err != nil {
		return errors.Join(cli.Blame(err, o.sizes()...), shut(port))
	}
	if err := s.serve(port); err != nil {
		return errors.Join(err, s.Close())
	}
	err = s.run(ctx, o.Progress, stdout, stderr)
	return errors.Join(err, s.page.close(err), s.Close())
}

// run learns, and shows what came of it.
func (s *session) run(ctx context.Context, kind string, stdout, stderr io.Writer) error {
	progress, err := cli.NewProgress(kind, stderr, "metatrain")
	if err != nil {
		return err
	}
	defer progress.Close()
	progress.Log("%s%s", s.settings, s.resumedAt())
	if s.note != "" {
		progress.Log("%s", s.note)
	}
	if s.page != nil {
		progress.Log("the run's page is %s", s.page.server.URL())
	}
	err = s.train(ctx, progress)
	if err := both(err, s.writeCSV()); err != nil {
		return s.interrupted(err)
	}
	progress.Close()
	// A display of its own, since this begins at nothing again.
	comparing, err := cli.NewProgress(kind, stderr, "comparing")
	if err != nil {
		return err
	}
	defer comparing.Close()
	s.page.tell(live.Comparing, nil)
	report, err := s.compare(ctx, comparing)
	if err != nil {
		return s.interrupted(err)
	}
	comparing.Close()
	if err := s.beaten(report); err != nil {
		return err
	}
	if err := s.tell(stdout); err != nil {
		return err
	}
	return report.WriteTable(stdout)
}

// tell says where the rule is, and what it is if that can be read.
func (s *session) tell(stdout io.Writer) error {
	kept, err := s.kept()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("wrote %s\n", s.dir)
	if f, ok := kept.Rule.(*plastic.Formula); ok {
		text += fmt.Sprintf("Δw = %s\n", f.Learned(kept.Phi))
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}

// resumedAt says where a resumed run begins.
func (s *session) resumedAt() string {
	if n := s.trainer.Status().Episodes; n > 0 {
		return fmt.Sprintf("; resumed after %d episodes", n)
	}
	return ""
}

// A stopped error tells that a run was stopped in good order, with everything saved.
type stopped struct {
	episodes int
	dir      string
	cause    error
}

func (e stopped) Error() string {
	return fmt.Sprintf("stopped after %d episodes; go on with --resume %s", e.episodes, e.dir)
}

func (e stopped) Unwrap() error { return e.cause }

// interrupted words the error of a context that has ended. Errors of saving do not wrap it.
func (s *session) interrupted(err error) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return stopped{s.trainer.Status().Episodes, s.dir, err}
}

// train runs the outer loop until its time or its episodes are up.
func (s *session) train(ctx context.Context, progress cli.Progress) error {
	progress, err := s.remote.open(ctx, s, progress)
	if err != nil {
		return err
	}
	end := s.end(time.Now())
	stop := func(st meta.Status) bool { return end(st) >= 1 }
	events, page := s.eventObserver(), s.page.observer(s, end)
	err = s.trainer.Run(ctx, stop, meta.Observers(show(progress, end), onRecord(s.record), s.remote.observe, events, page))
	if err := both(err, s.save()); err != nil {
		return err
	}
	if err := s.remote.end(ctx); err != nil {
		return err
	}
	var last []byte // line of the log; none if the last outer step has been validated already
	err = s.trainer.Finish(ctx, meta.Observers(show(progress, end), onRecord(func(r meta.Record) (err error) {
		last, err = logLine(r)
		return err
	}), events, page))
	if err != nil {
		return err
	}
	kept, err := s.kept()
	if err != nil {
		return err
	}
	return s.folder.Finish(last, kept)
}

// end returns what tells how much of a run that began then is done, as a fraction: of its episodes or its time, whichever is
// further on.
func (s *session) end(began time.Time) func(meta.Status) float64 {
	return func(st meta.Status) float64 {
		f := 0.0
		if s.episodes > 0 {
			f = float64(st.Episodes) / float64(s.episodes)
		}
		if s.outer > 0 {
			f = max(f, float64(st.OuterSteps)/float64(s.outer))
		}
		if s.budget > 0 {
			f = max(f, float64(time.Since(began))/float64(s.budget))
		}
		return f
	}
}

// show is the observer that progress is shown by.
func show(progress cli.Progress, done func(meta.Status) float64) meta.Observer {
	loss := "" // of late; empty before the first outer step
	return func(e meta.Event) error {
		if e.Record != nil {
			progress.Log("%s", line(*e.Record))
		}
		if e.Status.Since.Count > 0 {
			loss = fmt.Sprintf(", loss %.4f", e.Status.Since.Value())
		}
		progress.Update(done(e.Status), fmt.Sprintf("episode %d%s", e.Status.Episodes, loss))
		return nil
	}
}

// onRecord is the observer that hands on the outcomes of validations.
func onRecord(f func(meta.Record) error) meta.Observer {
	return func(e meta.Event) error {
		if e.Record == nil {
			return nil
		}
		return f(*e.Record)
	}
}

// both returns the errors of a run's end and of saving it. If saving failed, the end is told in words only: the end of the
// context is no more all that happened. A disk that was full before and is full still need not be told twice.
func both(err, saving error) error {
	if err == nil || saving == nil || err.Error() == saving.Error() {
		return cmp.Or(saving, err)
	}
	return fmt.Errorf("%v; and saving failed: %w", err, saving)
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
