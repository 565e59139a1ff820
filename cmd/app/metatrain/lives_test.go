package metatrain

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/inner/plastic"
	learnedplastic "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
)

// briefly is a run by a learner on Boolean functions that takes no time.
func briefly(learner string, args ...string) []string {
	rule, config := "bengio7", map[string]string{
		"es": `{"mu":2,"lambda":7}`, "cmaes": `{"lambda":7}`, "ga": `{"population":7}`, "anneal": `{"chains":4}`, "gp": `{"population":9}`,
	}[learner]
	if learner == genetic {
		rule = "formula"
	}
	all := []string{"--problem", "boolean", "--tasks", "3", "--rule", rule, "--learner", learner, "--every", "1", "--progress", "plain"}
	if config != "" {
		all = append(all, "--learner-config", config)
	}
	return append(all, args...)
}

// Two outer steps by every learner are the same on one worker and on two, and when they are taken one after the other by two
// processes, so to speak.
func TestLearners(t *testing.T) {
	seen := make(map[string]string)
	for _, learner := range learners() {
		t.Run(learner, func(t *testing.T) {
			one := learned(t, briefly(learner, "--generations", "2", "--workers", "1")...)
			require.Equal(t, one, learned(t, briefly(learner, "--generations", "2", "--workers", "2")...))
			dir := filepath.Join(t.TempDir(), "run")
			require.NoError(t, learn(t, context.Background(), io.Discard, briefly(learner, "--generations", "1", "--out", dir)...))
			require.NotEqual(t, one, clitest.Tree(t, dir))
			require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--generations", "2", "--workers", "2"))
			require.Equal(t, one, clitest.Tree(t, dir))
			require.Len(t, records(t, one[logFile]), 3, "the start and two outer steps")
			require.Empty(t, seen[one[logFile]], "each learns in its own way")
			seen[one[logFile]] = learner
		})
	}
}

// A rule for networks of one size has no transfer to another, and that is all.
func TestRuleOfOneSize(t *testing.T) {
	stdout, _ := clitest.MustRun(t, Run, briefly("es", "--generations", "1", "--rule", "distributed", "--rule-config", `{"pre":3,"post":1}`,
		"--out", t.TempDir())...)
	require.Contains(t, stdout, "\ndistributed (learned) ")
	require.Contains(t, stdout, "solved")
	require.NotContains(t, stdout, "transfer  ")
}

// What is found by genetic programming is printed.
func TestFormulaIsTold(t *testing.T) {
	stdout, _ := clitest.MustRun(t, Run, briefly("gp", "--generations", "2", "--out", t.TempDir())...)
	_, formula, found := strings.Cut(stdout, "\nΔw = ")
	require.True(t, found)
	require.NotEmpty(t, strings.TrimSpace(formula))
}

// What makes no sense of learners, rules and tasks is one clear line, before anything is written.
func TestLearnersRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	on := func(problem, rule, learner string, args ...string) []string {
		return append([]string{"--problem", problem, "--rule", rule, "--learner", learner, "--generations", "1"}, args...)
	}
	const all = "want one of es, cmaes, ga, anneal, gp"
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--learner magic: want one of bptt, es, cmaes, ga, anneal, gp", on("boolean", "bengio7", "magic")},
		{"--learner: want the name of a learner, got nothing", on("boolean", "bengio7", "")},
		{"--learner gp: it learns formulas; want --rule formula, got bengio7", on("boolean", "bengio7", "gp")},
		{"--learner bptt: not on association, whose lives can't be differentiated; " + all, on("association", "abcd", "bptt")},
		{"--learner bptt: not on foraging, whose lives", on("foraging", "orchard", "bptt")},
		{"--learner bptt: not on xor, whose lives", on("xor", "bengio7", "bptt")},
		{"--exact: not with --learner es, which takes no gradient", on("boolean", "bengio7", "es", "--exact")},
		{"--rule static: it has nothing to learn", on("boolean", "static", "es")},

		{"runarsson: it reads target, which the problem does not show for weights w[4 2]; it shows pre.w, potential.w, post.w, mod.w, reward",
			on("association", "runarsson", "es")},
		{"abcd: it reads reward, which the problem does not show", on("boolean", "abcd", "es", "--rule-config", `{"reward":true}`)},
		{"bengio7: it reads pre, which the problem does not show for weights theta[10]; it shows its gradient alone", on("quadratic", "bengio7", "es")},
		{"bengio7: it reads pre, which the problem does not show", on("quadratic", "bengio7", "bptt")},
		{"formula: it reads reward, which the problem does not show",
			on("boolean", "formula", "es", "--rule-config", `{"formula":"0.1*reward*pre"}`)},
		{`formula is "pre*": place 5 of the formula: found the end`, on("boolean", "formula", "es", "--rule-config", `{"formula":"pre*"}`)},

		{"boolean: 15 tasks to learn on; want 1..14", on("boolean", "bengio7", "es", "--tasks", "15")},
		{"boolean3: 105 tasks to learn on; want 1..104", on("boolean3", "bengio7", "es", "--tasks", "105")},
		{"--tasks: want a whole number from 1 to ", on("boolean", "bengio7", "es", "--tasks", "0")},
		{"--tasks: want a whole number from 1 to ", on("boolean", "bengio7", "es", "--tasks", "-1")},
		{"mnist8: does not take tasks", on("mnist8", "bengio7", "es", "--tasks", "3")},
		{"conditioning: does not take tasks", on("conditioning", "bengio7", "es", "--tasks", "3")},

		{"--learner-config: these are the settings of a search, and --learner is bptt",
			[]string{"--problem", "boolean", "--rule", "bengio7", "--learner-config", `{"mu":3}`}},
		{`--learner-config: search: configuration of "es": json: unknown field "nu"`, on("boolean", "bengio7", "es", "--learner-config", `{"nu":3}`)},
		{`--learner-config: want a JSON object`, on("boolean", "bengio7", "es", "--learner-config", `[3]`)},
		{"--learner-config: search: es: lambda is 15; want more than mu, 15", on("boolean", "bengio7", "es", "--learner-config", `{"lambda":15}`)},
		{"--learner-config: search: es: mu is -7; want 1 or more", on("boolean", "bengio7", "es", "--learner-config", `{"mu":-7,"lambda":-9}`)},
		{"--learner-config: search: gp: variables: unknown", on("boolean", "formula", "gp", "--learner-config", `{"variables":["voltage"]}`)},
		{"--generations: want a whole number from 1 to ", on("boolean", "bengio7", "es", "--generations", "0")},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}

// A resumed search is the same search.
func TestLearnerOfAResumedRun(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, briefly("es", "--generations", "1", "--out", "run")...))
	want := clitest.Tree(t, "run")
	for _, config := range []string{`{"lambda":7, "mu":2}`, `{"mu":2,"lambda":7,"isotropic":false}`} {
		require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--generations", "1", "--learner-config", config))
		require.Equal(t, want, clitest.Tree(t, "run"), "the spelling makes no difference")
	}
	for flag, want := range map[string]string{
		"--learner=ga":                 "--learner ga: the run in run has es, which can't be changed",
		"--learner=bptt":               "--learner bptt: the run in run has es",
		`--learner-config={"mu":3}`:    `--learner-config {"mu":3,"lambda":100`,
		`--learner-config={"alpha":3}`: `--learner-config: search: configuration of "es": json: unknown field "alpha"`,
		"--tasks=4":                    "--tasks 4: the run in run has 3",
		"--rule=runarsson":             "--rule runarsson: the run in run has bengio7",
	} {
		clitest.RequireRefused(t, Run, want, "--resume", "run", "--generations", "3", flag)
	}
	require.NotContains(t, clitest.Tree(t, "run"), rundir.Lock)
}

// Searches take other steps in lives than elsewhere, unless they are told to, and as many generations as they need.
func TestDefaultsForLives(t *testing.T) {
	for _, c := range []struct {
		learner, rule, given, lives, elsewhere string
		generations                            int
	}{
		{"es", "bengio7", "", `"sigma":0.2`, `"sigma":0.5`, 80},
		{"es", "bengio7", `{"sigma":0.7}`, `"sigma":0.7`, `"sigma":0.7`, 80},
		{"cmaes", "bengio7", "", `"sigma":0.2`, `"sigma":0.5`, 80},
		{"ga", "bengio7", "", `"spread":0.3`, `"spread":1`, 80},
		{"anneal", "bengio7", "", `"step":0.2,"temperature":0.02,"cooling":0.99`, `"step":0.5,"temperature":1,"cooling":0.98`, 400},
		{"anneal", "bengio7", `{"step":3,"cooling":0.5}`, `"step":3,"temperature":0.02,"cooling":0.5`, `"step":3,"temperature":1,"cooling":0.5`, 400},
		{"gp", "formula", "", `"parsimony":0.0001`, `"parsimony":0`, 80},
	} {
		args := []string{"--rule", c.rule, "--learner", c.learner}
		if c.given != "" {
			args = append(args, "--learner-config", c.given)
		}
		s, err := newSettings(parsed(t, append(args, "--problem", "boolean")...))
		require.NoError(t, err)
		require.Contains(t, string(s.LearnerConfig), c.lives)
		require.Equal(t, c.generations, s.generations())
		s, err = newSettings(parsed(t, append(args, "--problem", "mnist8")...))
		require.NoError(t, err)
		require.Contains(t, string(s.LearnerConfig), c.elsewhere)
	}
	s, err := newSettings(parsed(t, "--problem", "boolean", "--rule", "bengio7"))
	require.NoError(t, err)
	require.Equal(t, 400, s.generations(), "100 for each of three lengths and the horizon")
	require.EqualValues(t, 32, s.Copies)
	for flags, want := range map[string]int{"--learner=es": 32, "--learner=bptt": 64} {
		s, err := newSettings(parsed(t, "--problem", "boolean3", "--rule", "bengio7", flags))
		require.NoError(t, err)
		require.EqualValues(t, want, s.Copies, flags)
	}
}

// A rule is validated on four times as many lives as it is learned on.
func TestValidationLives(t *testing.T) {
	settings, err := newSettings(parsed(t, "--problem", "boolean", "--rule", "bengio7", "--learner", "es", "--copies", "6"))
	require.NoError(t, err)
	s := session{settings: settings}
	c := s.validationLives(plastic.Boolean{}, new(learnedplastic.Static))
	require.Equal(t, 24, c.Copies)
	require.Equal(t, "static", c.Rule.Name())
	require.Equal(t, meta.Last, c.Objective)
	require.Equal(t, 120, c.Steps)
}
