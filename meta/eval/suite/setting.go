package suite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/eval"
)

// A Track is how much optimizers are tuned.
type Track string

// The tracks.
const (
	Default Track = "default" // not at all
	Single  Track = "single"  // one setting for all problems
	Tuned   Track = "tuned"   // for each problem, with an equal number of trials
)

// Tracks returns the names of all tracks.
func Tracks() []string { return []string{string(Default), string(Single), string(Tuned)} }

func (t Track) check() error {
	if !slices.Contains(Tracks(), string(t)) {
		return fmt.Errorf("suite: no track %.40q; there are %s", string(t), strings.Join(Tracks(), ", "))
	}
	return nil
}

// A setting is an optimizer as it can be run.
type setting struct {
	text string // how it came to be, as in "0.01 linear"; empty for what is as it is
	edge bool   // its learning rate is at the end of a grid
	rule *learnedopt.Trained
}

// fixed is the setting of what is not tuned.
func fixed(c eval.Contender) setting {
	switch {
	case c.Learned != nil:
		return setting{rule: c.Learned}
	case c.Configured != nil:
		return setting{rule: &learnedopt.Trained{Rule: c.Configured}}
	}
	return setting{rule: &learnedopt.Trained{Rule: c.Baseline.With(c.Baseline.Rate())}}
}

// at returns a baseline at a learning rate under a schedule.
func at(b eval.Baseline, rate float64, schedule string) setting {
	text := fmt.Sprintf("%.3g %s", rate, schedule)
	if b.Fixed {
		text = schedule
	}
	return setting{text: text, rule: &learnedopt.Trained{Rule: eval.Scheduled(b.With(rate), schedule)}}
}

// grid returns every learning rate of [eval.LearningRates] under every schedule; for what has no rate the schedules alone.
func grid(c eval.Contender) (list []setting) {
	if c.Baseline == nil {
		return []setting{fixed(c)}
	}
	rates := eval.LearningRates()
	if c.Baseline.Fixed {
		rates = rates[:1]
	}
	for _, schedule := range eval.Schedules() {
		for i, rate := range rates {
			s := at(*c.Baseline, rate, schedule)
			s.edge = len(rates) > 1 && (i == 0 || i == len(rates)-1)
			list = append(list, s)
		}
	}
	return list
}

// A trial is a multiple of an optimizer's own learning rate under a schedule.
type trial struct {
	times    float64
	schedule string
}

// order is that in which settings are tried: first the default, then what people try next, half decades up and down from it.
var order = []trial{
	{1, "constant"}, {3, "linear"}, {10, "cosine"}, {1, "cosine"}, {1. / 3, "linear"},
	{3, "constant"}, {1, "linear"}, {3, "cosine"}, {10, "linear"}, {1. / 3, "constant"},
	{1. / 3, "cosine"}, {10, "constant"}, {30, "linear"}, {.1, "linear"}, {30, "cosine"},
	{.1, "constant"}, {.1, "cosine"}, {30, "constant"}, {1. / 30, "linear"}, {1. / 30, "constant"},
}

// MaxTrials is how many settings there are to try.
func MaxTrials() int { return len(order) }

// trials returns the first n settings to try. What has no rate has a setting a schedule and never more.
func trials(c eval.Contender, n int) (list []setting) {
	if c.Baseline == nil {
		return []setting{fixed(c)}
	}
	for _, t := range order[:n] {
		s := at(*c.Baseline, t.times*c.Baseline.Rate(), t.schedule)
		if !slices.ContainsFunc(list, func(x setting) bool { return x.text == s.text }) {
			list = append(list, s)
		}
	}
	return list
}
