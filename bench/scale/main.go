// Command scale simulates meta-training over a queue of work: a learner, a server and up to 10,000 workers, some of them slow,
// all mortal, on a network that is not without limits. It prints the tables of docs/scale.md, the same for the same flags on any
// machine.
//
//	go run ./bench/scale                                     efficiency against the number of workers
//	go run ./bench/scale --figure half                       where it falls below a half, and what would move that
//	go run ./bench/scale --figure bytes                      what a member sends, by estimator
//	go run ./bench/scale --member 10s --per-worker 1         members of ten seconds, as many as workers
//
// Nothing is measured here and nothing sent: time is a number that goes from one event to the next.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what the flags say.
type options struct {
	figure    string
	workers   string
	estimator string
	sizes     Sizes
	scenario  Scenario
}

// A figure prints a table of a scenario.
type figure func(ctx context.Context, w io.Writer, o options) error

var figures = map[string]figure{"workers": workersFigure, "half": halfFigure, "bytes": bytesFigure}

func main() {
	o := flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *o); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// flags declares the flags. Their defaults are one of the commands in docs/scale.md: whole episodes of 100 steps on mnist8.
func flags(f *flag.FlagSet) *options {
	o := new(options)
	s := &o.scenario.Settings
	f.StringVar(&o.figure, "figure", "workers", "`name` of the table: "+strings.Join(slices.Sorted(maps.Keys(figures)), ", "))
	f.StringVar(&o.workers, "workers", "1,2,4,8,16,32,64,128,256,512,1000,2000,5000,10000",
		"`numbers` of workers, separated by commas; half goes to the largest")
	f.StringVar(&o.estimator, "estimator", "bptt", "`name`: bptt, tbptt, es, pes, search, losses")
	f.Int64Var(&o.sizes.Phi, "phi", 5141, "numbers of the rule")
	f.Int64Var(&o.sizes.Theta, "theta", 1510, "weights of a problem")
	f.Int64Var(&o.sizes.Memory, "memory", 80, "numbers of the rule's memory for each weight")
	f.Int64Var(&o.sizes.Copies, "copies", 1, "problems side by side")
	f.Int64Var(&o.sizes.Pairs, "pairs", 1, "pairs of a member of an evolution strategy")

	f.Uint64Var(&s.Seed, "seed", 1, "of all that is random")
	f.IntVar(&s.Members, "members", 64, "members of an outer step")
	f.Float64Var(&o.scenario.PerWorker, "per-worker", 0, "members of an outer step for each worker, in the place of --members")
	f.IntVar(&s.Steps, "steps", 500, "outer steps")
	f.DurationVar(&s.Member, "member", 100*time.Millisecond, "how long a member takes in the mean")
	f.Float64Var(&s.Spread, "spread", 0.2, "standard deviation of the logarithm of that")
	f.Float64Var(&s.Straggle, "straggle", 0.01, "probability that whoever takes up a member is slow just then")
	f.Float64Var(&s.Slowness, "slowness", 3, "how many times as long that takes")
	f.DurationVar(&s.Life, "life", time.Hour, "of a worker, in the mean; 0s: for ever")
	f.DurationVar(&s.Return, "return", 10*time.Second, "from a worker's death to its successor")
	f.DurationVar(&s.AckWait, "ackwait", 2*time.Second, "from a worker's death until its member is delivered again")
	f.Float64Var(&s.Bandwidth, "bandwidth", 125e6, "of the learner's link, bytes a second each way; 0: no limit")
	f.DurationVar(&s.Latency, "latency", 250*time.Microsecond, "of the link, one way")
	f.Float64Var(&s.Rate, "rate", 50_000, "messages a second that the server handles; 0: no limit")
	f.Float64Var(&s.Beats, "beats", beats, "messages a second from each worker beside its members'")
	f.DurationVar(&s.Merge, "merge", 20*time.Microsecond, "the learner's work for a result")
	f.DurationVar(&s.Serial, "serial", time.Millisecond, "the learner's work between two outer steps")
	f.Float64Var(&s.Backup, "backup", 0, "share of the members that may have a second worker, the last ones of an outer step")
	return o
}

func run(ctx context.Context, w io.Writer, o options) error {
	f, ok := figures[o.figure]
	if !ok {
		return fmt.Errorf("no figure %q; there are %s", o.figure, strings.Join(slices.Sorted(maps.Keys(figures)), ", "))
	}
	e, err := named(o.estimator)
	if err != nil {
		return err
	}
	if err := o.sizes.check(); err != nil {
		return err
	}
	if p := o.scenario.PerWorker; !(0 <= p && p <= 1000) {
		return fmt.Errorf("per-worker is %v; want 0 to 1000", p)
	}
	o.scenario.Settings.Traffic = e.traffic(o.sizes)
	return f(ctx, w, o)
}

// counts are the numbers of workers.
func (o options) counts() ([]int, error) {
	var counts []int
	for text := range strings.SplitSeq(o.workers, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("workers: %.20q; want numbers from 1 to %d, such as 1,100,10000", text, most)
		}
		counts = append(counts, n)
	}
	return counts, nil
}
