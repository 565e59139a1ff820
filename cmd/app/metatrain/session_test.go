package metatrain

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/meta"
)

// A run is as far as its episodes or its time, whichever is further on, and without a limit it has no end.
func TestEnd(t *testing.T) {
	began := time.Now().Add(-time.Hour)
	at := func(s session, episodes int) float64 { return s.end(began)(meta.Status{Episodes: episodes}) }
	require.Zero(t, at(session{}, 7))
	require.Equal(t, 0.25, at(session{episodes: 8}, 2))
	require.Equal(t, 1.0, at(session{episodes: 8}, 8))
	require.InDelta(t, 0.5, at(session{budget: 2 * time.Hour}, 1000), 0.1)
	require.GreaterOrEqual(t, at(session{budget: time.Hour}, 0), 1.0)
	require.Equal(t, 0.75, at(session{budget: 2 * time.Hour * 1000, episodes: 4}, 3), "the episodes are further on")
	require.InDelta(t, 0.5, at(session{budget: 2 * time.Hour, episodes: 1000}, 3), 0.1, "the time is")
}

// Networks take longer to validate than quadratics, so there are fewer of them.
func TestValidationRuns(t *testing.T) {
	for problem, want := range map[string]int{"quadratic": 200, "quadratic-uniform": 200, "mnist8": 8, "logistic8": 8} {
		require.Equal(t, want, (&session{settings: settings{Problem: problem}}).validationRuns(), problem)
	}
}

// A log is of lines.
func TestLogLine(t *testing.T) {
	text, err := logLine(meta.Record{Episodes: 3})
	require.NoError(t, err)
	require.Regexp(t, `^\{.*"episodes":3.*\}\n$`, string(text))
}

// What nobody sets follows from the problem, and what somebody sets stays.
func TestFillIn(t *testing.T) {
	type derived struct {
		Copies, Every, Window cli.Count
		OuterLR               cli.Positive
	}
	for _, c := range []struct{ given, want settings }{
		{settings{Problem: "mnist8", Horizon: 100}, settings{Copies: 1, Every: 20, Window: 20, OuterLR: 0.01}},
		{settings{Problem: "quadratic", Horizon: 100}, settings{Copies: 32, Every: 3200, Window: 20, OuterLR: 0.003}},
		{settings{Problem: "mnist8", Horizon: 20, Copies: 3}, settings{Copies: 3, Every: 60, Window: 20, OuterLR: 0.01}},
		{settings{Problem: "mnist8", Horizon: 7}, settings{Copies: 1, Every: 20, Window: 7, OuterLR: 0.01}},
		{
			settings{Problem: "quadratic", Horizon: 9, Copies: 2, Every: 5, Window: 4, OuterLR: 1},
			settings{Copies: 2, Every: 5, Window: 4, OuterLR: 1},
		},
	} {
		got := c.given
		got.fillIn()
		want := derived{c.want.Copies, c.want.Every, c.want.Window, c.want.OuterLR}
		require.Equal(t, want, derived{got.Copies, got.Every, got.Window, got.OuterLR})
		require.Equal(t, c.given.Horizon, got.Horizon)
	}
}

// Settings at the ends of what is allowed are, and those beyond are refused by the flag.
func TestEndsOfSettings(t *testing.T) {
	good := func() settings {
		s := settings{Problem: "mnist8", Horizon: 10, Copies: 1, Fraction: 1, Clip: 1}
		s.fillIn()
		return s
	}
	for _, edit := range []func(*settings){
		func(*settings) {},
		func(s *settings) { s.Window = s.Horizon },
		func(s *settings) { s.Average = 0.9999 },
		func(s *settings) { s.Keep = "last" },
		func(s *settings) { s.Keep = "best" },
		func(s *settings) { s.Objective = string(meta.Borders) },
		func(s *settings) { s.Fraction = 1e-3 },
		func(s *settings) { s.Credit, s.Exact = "backprop", true },
		func(s *settings) { s.Credit = "fa" },
		func(s *settings) { s.Exact = true },
		func(s *settings) { s.Estimator, s.Objective = "pes", "sum" },
		func(s *settings) { s.Estimator, s.Objective, s.Window = "es", "min", s.Horizon },
		func(s *settings) { s.Estimator = "bptt" },
	} {
		s := good()
		edit(&s)
		require.NoError(t, s.validate())
	}
	for want, edit := range map[string]func(*settings){
		"--window 11: want at most the horizon, 10":                             func(s *settings) { s.Window = 11 },
		"--average: want a number from 0 to below 1, got 1":                     func(s *settings) { s.Average = 1 },
		"--average: want a number from 0 to below 1, got -0.1":                  func(s *settings) { s.Average = -0.1 },
		"--keep first: want best or last":                                       func(s *settings) { s.Keep = "first" },
		"--objective least: want one of ":                                       func(s *settings) { s.Objective = "least" },
		"--fraction: want a number above 0 and at most 1, got 1.5":              func(s *settings) { s.Fraction = 1.5 },
		"--credit-config: these are the settings of a --credit rule, and there": func(s *settings) { s.CreditConfig = "{}" },
		"--estimator pes: not with --learner es, which takes no gradient":       func(s *settings) { s.Estimator, s.Learner = "pes", "es" },
		"--estimator-config: these are the settings of an evolution strategy, ": func(s *settings) { s.EstimatorConfig = "{}" },
		"--meta-loss: not with --learner es, which takes no gradient":           func(s *settings) { s.MetaLoss, s.Learner = `{"log":true}`, "es" },
		"--tasks-per-step: not with --learner es, which takes no gradient":      func(s *settings) { s.TasksPerStep, s.Learner = 2, "es" },
		"--exact: not with --estimator pes, which differentiates nothing":       func(s *settings) { s.Estimator, s.Exact = "pes", true },
		"--fraction: not with --estimator pes, which differentiates nothing":    func(s *settings) { s.Estimator, s.Fraction = "pes", 0.5 },
		"--curriculum: not with --estimator pes":                                func(s *settings) { s.Estimator, s.Curriculum = "pes", cli.Widths{5} },
		"--window 5: --estimator es takes whole episodes; want the horizon, 10": func(s *settings) { s.Estimator, s.Window = "es", 5 },
		"--objective min: want one of mean, sum, last":                          func(s *settings) { s.Estimator, s.Objective = "nres", "min" },
		"--exact: not with --credit fa: its signal has no second derivatives":   func(s *settings) { s.Credit, s.Exact = "fa", true },
	} {
		s := good()
		edit(&s)
		require.ErrorContains(t, s.validate(), want)
	}
}

// What a network takes at least: for each unit of each copy and image three float32.
func TestAtLeast(t *testing.T) {
	require.Zero(t, settings{Batch: 128, Copies: 4}.atLeast())
	require.Equal(t, 4*3*(5+2)*10*6.0, settings{Hidden: cli.Widths{5, 2}, Batch: 10, Copies: 6}.atLeast())
}

// A display notes what it is told.
type display struct {
	fractions []float64
	texts     []string
	lines     []string
}

func (d *display) Update(fraction float64, text string) {
	d.fractions, d.texts = append(d.fractions, fraction), append(d.texts, text)
}
func (d *display) Log(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}
func (d *display) Close() {}

// The displays of learning and of comparing go forward, from where each begins to its end.
func TestDisplays(t *testing.T) {
	s, err := newSession(context.Background(), parsed(t, small("--episodes", "4", "--out", t.TempDir())...), rundir.OS{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	var learning, comparing display
	require.NoError(t, s.train(t.Context(), &learning))
	require.IsNonDecreasing(t, learning.fractions)
	require.Equal(t, 1.0, learning.fractions[len(learning.fractions)-1])
	require.Equal(t, "episode 0", learning.texts[0], "no loss yet")
	require.Regexp(t, `\nepisode 2, loss [0-9]+\.[0-9]{4}\n`, strings.Join(learning.texts, "\n"))
	require.Regexp(t, `^episode 4`, learning.texts[len(learning.texts)-1])
	require.Len(t, learning.lines, 3, "validations at 0, 3 and 4")

	_, err = s.compare(t.Context(), &comparing)
	require.NoError(t, err)
	require.IsNonDecreasing(t, comparing.fractions)
	require.Equal(t, 1.0, comparing.fractions[len(comparing.fractions)-1])
	require.Empty(t, comparing.texts[len(comparing.texts)-1], "nothing is next")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stopped display
	_, err = s.compare(ctx, &stopped)
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, stopped.fractions, 1.0, "what was stopped has not come to its end")
}
