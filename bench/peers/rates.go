package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ratesWork is the work that is measured in inner steps a second.
const ratesWork = "pes"

// A runner is a program that measures how often a second it does something; the last word that it prints that is a number says
// so.
type runner struct {
	name    string
	command []string
	rates   []float64
}

// rates checks and measures persistent evolution strategies.
func (s session) rates(ctx context.Context, ours, dir string) error {
	if _, err := output(ctx, ours, "--work", ratesWork, "--write", dir); err != nil {
		return err
	}
	jax := []string{s.jax, "bench/pes_jax.py", "--inputs", dir}
	said, err := output(ctx, append(jax, "--check")...)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %s", jax[1], said)
	seconds := []string{"--time", strconv.Itoa(s.seconds)}
	runners := []*runner{{name: "unroll", command: append([]string{ours, "--work", ratesWork}, seconds...)}}
	for _, threads := range threadCounts() {
		command := append(slices.Clone(jax), "--threads", strconv.Itoa(threads))
		runners = append(runners, &runner{name: fmt.Sprintf("JAX, threads %d", threads), command: append(command, seconds...)})
	}
	if s.peer != "" {
		runners = append(runners, &runner{name: "peer", command: []string{"sh", "-c", s.peer}})
	}
	for round := range s.rounds {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", ratesWork, round+1, s.rounds)
		for _, r := range runners {
			if err := r.turn(ctx); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%s\n\n", ratesWork)
	return rateTable(os.Stdout, runners)
}

// turn measures once more.
func (r *runner) turn(ctx context.Context) error {
	out, err := output(ctx, r.command...)
	if err != nil {
		return err
	}
	rate, err := lastNumber(string(out))
	if err != nil {
		return fmt.Errorf("%v: %w", r.command, err)
	}
	r.rates = append(r.rates, rate)
	return nil
}

// lastNumber returns the last word of a text that is a number, one above zero.
func lastNumber(text string) (float64, error) {
	for _, word := range slices.Backward(strings.Fields(text)) {
		if x, err := strconv.ParseFloat(word, 64); err == nil {
			if !(x > 0) {
				return 0, fmt.Errorf("the last number is %s; want one above zero", word)
			}
			return x, nil
		}
	}
	return 0, fmt.Errorf("no number in %q", text)
}

// rateTable prints the runners in Markdown, the first being ours.
func rateTable(w io.Writer, runners []*runner) error {
	text := "| | median inner steps a second | most | ours / median |\n|---|---:|---:|---:|\n"
	for _, r := range runners {
		m := median(r.rates)
		text += fmt.Sprintf("| %s | %.0f | %.0f | %.2f |\n", r.name, m, slices.Max(r.rates), median(runners[0].rates)/m)
	}
	_, err := io.WriteString(w, text+"\n")
	return err
}
