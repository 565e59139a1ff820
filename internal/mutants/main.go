// Mutants tests the tests: it makes one small change after another to the code of some packages, each of which some test
// should notice, and lists those that none did.
//
//	go run ./internal/mutants                                        a sample of every package that matters
//	go run ./internal/mutants -count 40 -seed 2 ./meta ./inner       a larger one of these
//	go run ./internal/mutants -only 'lstm_engine.go step' ./learnedopt   all changes whose names contain this
//
// A change is of one token or statement: an operator, a comparison, a constant by a neighbour, a number, two arguments
// that change places, a field, an assignment or a call left out, a guard that never holds. The sample follows from the
// seed and the code. A change that does not compile does not count; one that makes the tests hang is caught. The tests of
// a package run first, and then those of the packages that import it. A survivor on the list is not tried again.
//
// The list of known survivors, survivors.txt, says of each why it may live. The exit status is 1 if there are others, if
// a line of that list names no change to the code as it is, or if fewer than 90 of 100 were caught.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed1498fded/unroll/internal/rng"
)

// matters are the packages that are looked at unless others are named.
var matters = []string{
	"params",
	"learnedopt", "learnedopt/handmade", "learnedopt/internal/engine", "learnedopt/internal/hyper", "learnedopt/lstm", "learnedopt/rule", "learnedopt/stepsize",
	"meta", "meta/eval", "checkpoints", "inner/credit", "inner/data",
	"cmd/app/metatrain", "cmd/app/compare", "cmd/internal/cli", "cmd/internal/rundir", "internal/atomicfile",
}

// enough is the share of mutants that the tests must catch.
const enough = 0.9

type options struct {
	seed      uint64
	count     int
	jobs      int
	only      string
	alone     bool
	tags      string
	survivors string
}

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "of the sample")
	flag.IntVar(&o.count, "count", 15, "mutants of each package; 0 for all")
	flag.IntVar(&o.jobs, "jobs", 1, "packages at a time")
	flag.StringVar(&o.only, "only", "", "take the mutants whose names contain this")
	flag.BoolVar(&o.alone, "alone", false, "ask a package's own tests only")
	flag.StringVar(&o.tags, "tags", "", "build tags")
	flag.StringVar(&o.survivors, "survivors", filepath.Join("internal", "mutants", "survivors.txt"), "list of known survivors")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, flag.Args(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// A tally is what became of a package's mutants.
type tally struct {
	folder    string
	caught    int
	survivors []mutant
	took      time.Duration
	err       error
}

func (t tally) total() int { return t.caught + len(t.survivors) }

func run(ctx context.Context, o options, args []string, stdout, stderr io.Writer) error {
	m, err := list(ctx, ".", o.tags)
	if err != nil {
		return err
	}
	known, err := readSurvivors(filepath.Join(m.root, filepath.FromSlash(o.survivors)))
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = matters
	}
	constants, err := m.constants()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	tallies := make([]tally, len(args))
	exist := make(map[string]bool)
	slots := make(chan int, max(1, o.jobs))
	for i := range cap(slots) {
		slots <- i
	}
	var group sync.WaitGroup
	for i, folder := range args {
		folder = path.Clean(strings.TrimPrefix(folder, "./"))
		p := m.packages[folder]
		if p == nil {
			return fmt.Errorf("there is no package %q", folder)
		}
		all, err := mutantsOf(m.root, folder, p.GoFiles, constants)
		if err != nil {
			return err
		}
		for _, x := range all {
			exist[x.key()] = true
		}
		group.Go(func() {
			slot := <-slots
			defer func() { slots <- slot }()
			r := &runner{module: m, tags: o.tags, work: filepath.Join(work, fmt.Sprint(slot)), took: make(map[string]time.Duration)}
			if !o.alone {
				r.others = matters
			}
			tallies[i] = r.sample(ctx, o, folder, all, known, func(line string) { fmt.Fprintln(stderr, line) })
		})
	}
	group.Wait()
	return report(stdout, tallies, known, exist)
}

// sample tries a package's mutants in an order that the seed gives, until there are enough that compile.
func (r *runner) sample(ctx context.Context, o options, folder string, all []mutant, known map[string]string, tell func(string)) tally {
	t := tally{folder: folder}
	start := time.Now()
	shuffle(all, o.seed, folder)
	for _, m := range all {
		if o.count > 0 && t.total() >= o.count {
			break
		}
		if !strings.Contains(m.key(), o.only) {
			continue
		}
		result, err := survived, error(nil)
		if known[m.key()] == "" {
			result, err = r.try(ctx, folder, m)
		}
		if err != nil {
			t.err = err
			break
		}
		switch result {
		case caught:
			t.caught++
			tell("caught    " + m.key())
		case survived:
			t.survivors = append(t.survivors, m)
			tell("survived  " + m.key())
		}
	}
	t.took = time.Since(start)
	return t
}

// shuffle puts mutants into an order of their own for each seed and package.
func shuffle(all []mutant, seed uint64, folder string) {
	h := fnv.New64a()
	io.WriteString(h, folder)
	rng.New(rng.Split(seed, h.Sum64())).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

// report writes the table and the survivors, and returns what is wrong.
func report(w io.Writer, tallies []tally, known map[string]string, exist map[string]bool) error {
	var errs []error
	var caughtOnes, total, unlisted int
	var table, list strings.Builder
	for _, t := range tallies {
		fmt.Fprintf(&table, "%-20s %4d of %4d caught  %6.1f min\n", t.folder, t.caught, t.total(), t.took.Minutes())
		caughtOnes, total = caughtOnes+t.caught, total+t.total()
		errs = append(errs, t.err)
		for _, m := range t.survivors {
			reason := known[m.key()]
			if reason == "" {
				unlisted++
				reason = "not listed"
			}
			fmt.Fprintf(&list, "%s\n    line %d: %s\n", m.key(), m.line, reason)
		}
	}
	share := float64(caughtOnes) / float64(max(1, total))
	fmt.Fprintf(w, "%s%-20s %4d of %4d caught, %.1f %%\n", table.String(), "all", caughtOnes, total, 100*share)
	if list.Len() > 0 {
		fmt.Fprintf(w, "\nsurvivors:\n%s", list.String())
	}
	if unlisted > 0 {
		errs = append(errs, fmt.Errorf("%d survivors are not in the list: write a test, or a line with the reason", unlisted))
	}
	for _, key := range stale(known, tallies, exist) {
		errs = append(errs, fmt.Errorf("the list names a change that is none: %s", key))
	}
	if share < enough {
		errs = append(errs, fmt.Errorf("%.1f %% were caught, want at least %.0f %%", 100*share, 100*enough))
	}
	return errors.Join(errs...)
}

// stale lists known survivors of the packages looked at that are no mutants of theirs.
func stale(known map[string]string, tallies []tally, exist map[string]bool) []string {
	var keys []string
	for key := range known {
		file, _, _ := strings.Cut(key, " ")
		looked := slices.ContainsFunc(tallies, func(t tally) bool { return t.folder == path.Dir(file) })
		if looked && !exist[key] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
