package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// workersFigure tells how a scenario goes with more and more workers.
func workersFigure(ctx context.Context, w io.Writer, o options) error {
	counts, err := o.counts()
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "| W | M | efficiency | outer steps/s | members/s | slowed | lost | twice | under way | idle | away |",
		"link down | link up | server |")
	fmt.Fprintln(w, "|"+strings.Repeat("---:|", 14))
	for _, n := range counts {
		a, err := Simulate(ctx, o.scenario.With(n))
		if err != nil {
			return err
		}
		members := a.Settings.Members
		fmt.Fprintf(w, "| %d | %d | %s | %.3g | %.0f |", n, members, percent(a.Efficiency()), a.Rate(), a.Rate()*float64(members))
		for u := slowed; u < uses; u++ {
			fmt.Fprintf(w, " %s |", percent(a.Share(u)))
		}
		_, err = fmt.Fprintf(w, " %s | %s | %s |\n",
			percent(a.Busy(a.OutBusy)), percent(a.Busy(a.InBusy)), percent(a.Busy(a.ServerBusy)))
		if err != nil {
			return err
		}
	}
	return nil
}

func percent(x float64) string {
	if 0 < x && x < 0.0995 {
		return fmt.Sprintf("%.1f %%", 100*x)
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

// A change of a scenario.
type change struct {
	name   string
	change func(*Scenario)
}

// changes are what halfFigure tries, one at a time.
func changes(z Sizes) []change {
	traffic := func(name string) func(*Scenario) {
		return func(c *Scenario) {
			e, err := named(name)
			if err != nil {
				panic("scale: " + err.Error())
			}
			c.Settings.Traffic = e.traffic(z)
		}
	}
	return []change{
		{"as it is", func(*Scenario) {}},
		{"4 times the members", func(c *Scenario) { c.Settings.Members *= 4; c.PerWorker *= 4 }},
		{"16 times the members", func(c *Scenario) { c.Settings.Members *= 16; c.PerWorker *= 16 }},
		{"members 10 times as long", func(c *Scenario) { c.Settings.Member *= 10 }},
		{"members 100 times as long", func(c *Scenario) { c.Settings.Member *= 100 }},
		{"losses instead of gradients", traffic("losses")},
		{"10 times the bandwidth", func(c *Scenario) { c.Settings.Bandwidth *= 10 }},
		{"10 times the server's messages", func(c *Scenario) { c.Settings.Rate *= 10 }},
		{"both", func(c *Scenario) { c.Settings.Bandwidth *= 10; c.Settings.Rate *= 10 }},
		{"no stragglers", func(c *Scenario) { c.Settings.Straggle = 0 }},
		{"members all alike, no stragglers", func(c *Scenario) { c.Settings.Spread, c.Settings.Straggle = 0, 0 }},
		{"a second worker for the last 20 %", func(c *Scenario) { c.Settings.Backup = 0.2 }},
		{"nobody dies", func(c *Scenario) { c.Settings.Life = 0 }},
		{"lives a tenth as long", func(c *Scenario) { c.Settings.Life /= 10 }},
		{"windows instead of episodes: tbptt", traffic("tbptt")},
		{"pes", traffic("pes")},
	}
}

// halfFigure tells from how many workers on less than half of their time is useful, for a number of members that is the same for
// all and for as many as workers.
func halfFigure(ctx context.Context, w io.Writer, o options) error {
	counts, err := o.counts()
	if err != nil {
		return err
	}
	top := slices.Max(counts)
	fixed, each := o.scenario, o.scenario
	fixed.PerWorker = 0
	if each.PerWorker == 0 {
		each.PerWorker = 1
	}
	fmt.Fprintf(w, "| below 50 %% from so many workers on | M = %d | M = %g W |\n|---|---:|---:|\n",
		max(fixed.Settings.Members, 1), each.PerWorker)
	for _, c := range changes(o.sizes) {
		fmt.Fprintf(w, "| %s |", c.name)
		for _, scenario := range []Scenario{fixed, each} {
			c.change(&scenario)
			n, found, err := scenario.Falls(ctx, 0.5, top)
			switch {
			case err != nil:
				return err
			case found:
				fmt.Fprintf(w, " %d |", n)
			default:
				fmt.Fprintf(w, " not up to %d |", top)
			}
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

// bytesFigure tells what members send.
func bytesFigure(_ context.Context, w io.Writer, o options) error {
	fmt.Fprint(w, "| estimator | down, a worker | down, a member | up, a member | messages, a worker | messages, a member |\n",
		"|---|---:|---:|---:|---:|---:|\n")
	for _, e := range estimators {
		t := e.traffic(o.sizes)
		if _, err := fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d |\n", e.name, t.Phi, t.Task, t.Result, t.PhiMessages,
			t.TaskMessages+t.ResultMessages); err != nil {
			return err
		}
	}
	return nil
}
