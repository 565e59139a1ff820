// Command plastic remakes the figures on plasticity rules in docs/results.md, each over several seeds.
//
//	go run ./bench/plastic --figure boolean --seeds 4
//
// What a single cell of a table is, cmd/metatrain learns too; here are the loops over seeds and the controls that need more than a
// flag: shuffled reward, brains evolved with their rule, feedback that is off.
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
	"strings"
	"time"
)

// A figure prints a table.
type figure func(ctx context.Context, w io.Writer, seeds int) error

var figures = map[string]figure{
	"boolean": boolean, "conditioning": conditioning, "association": association, "foraging": foraging, "formula": formulas,
	"digits": digits,
}

func main() {
	name := flag.String("figure", "boolean", "`name` of the figure: "+strings.Join(names(), ", "))
	seeds := flag.Int("seeds", 4, "`N` seeds, from 1 on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *name, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "plastic:", err)
		os.Exit(1)
	}
}

func names() []string { return slices.Sorted(maps.Keys(figures)) }

func run(ctx context.Context, w io.Writer, name string, seeds int) error {
	f, ok := figures[name]
	switch {
	case !ok:
		return fmt.Errorf("no figure %q; there are %s", name, strings.Join(names(), ", "))
	case seeds < 1:
		return fmt.Errorf("%d seeds; want 1 or more", seeds)
	}
	began := time.Now()
	if err := f(ctx, w, seeds); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s, seeds 1 to %d, in %.0f s\n", name, seeds, time.Since(began).Seconds())
	return err
}
