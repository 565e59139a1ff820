package suite_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/eval/suite"
)

// edited returns what a comparison chose, with a text in its report in place of another.
func edited(t *testing.T, r *suite.Report, from, to string) *suite.Earlier {
	t.Helper()
	b, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(b), from)
	e, err := suite.ReadEarlier([]byte(strings.ReplaceAll(string(b), from, to)))
	require.NoError(t, err)
	return e
}

// What was chosen earlier is measured as if it had been tuned again, whatever else there is to tune; and it is taken, not found: another
// text leads to other runs.
func TestEarlierStandsForTuning(t *testing.T) {
	for _, track := range []suite.Track{suite.Single, suite.Tuned, suite.Default} {
		c := cheap(t, "adam", "sgd")
		c.Track, c.Fraction = track, .04
		whole := run(t, c)
		c.Earlier = edited(t, whole, "{", "{")
		require.Equal(t, text(t, whole), text(t, run(t, c)), track)

		c.Contenders = baselines(t, "adam", "sgd", "lion")
		some := run(t, c)
		c.Earlier = nil
		require.Equal(t, text(t, run(t, c)), text(t, some), track)
	}
	c := cheap(t, "sgd")
	c.Fraction = .04
	other := run(t, c)
	c.Earlier = edited(t, other, other.Problems[0].Results[0].Setting, "1e-05 constant")
	require.Equal(t, "1e-05 constant", run(t, c).Problems[0].Results[0].Setting)
}

// Settings for other steps or another suite, or tuned with another number of trials, are none.
func TestEarlierOfSomethingElse(t *testing.T) {
	c := cheap(t, "sgd")
	c.Track, c.Trials, c.Fraction = suite.Tuned, 5, .04
	r := run(t, c)
	setting := r.Problems[0].Results[1].Setting
	c.Earlier = edited(t, r, setting, "0.01 constant")
	require.Equal(t, "0.01 constant", run(t, c).Problems[0].Results[1].Setting)
	c.Trials = 4
	c.Earlier = edited(t, r, setting, "0.01 constant")
	fewer := run(t, c)
	c.Earlier = nil
	require.Equal(t, text(t, run(t, c)), text(t, fewer))

	c.Earlier = edited(t, r, `"steps_fraction":0.04`, `"steps_fraction":0.05`)
	require.ErrorContains(t, c.Validate(), "the earlier comparison is of 0.05 of the steps; want one of 0.04")
	for _, bad := range []string{"", "[]", "{}", `{"suite":"quick"}`} {
		_, err := suite.ReadEarlier([]byte(bad))
		require.ErrorContains(t, err, "not the report of a comparison on a suite")
	}
}
