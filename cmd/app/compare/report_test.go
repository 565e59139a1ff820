package compare

import (
	"encoding/csv"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// Law: every kind of comparison writes its page, its curves and its picture, and the page has the command that makes it again.
func TestReportsOfEveryKind(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	for name, args := range map[string][]string{
		"steps":  small("--optimizer", "adam,sgd"),
		"suite":  onSuite("--optimizer", "adam"),
		"epochs": {"--problem", "logistic8", "--credit", "backprop", "--optimizer", "adam", "--epochs", "1", "--batch", "6", "--data", "images"},
	} {
		stdout, stderr := clitest.MustRun(t, Run, append(args, "--progress", "off", "--json", "-",
			"--report", "r.html", "--csv", "r.csv", "--plot", "r.pdf")...)
		require.True(t, strings.HasPrefix(stdout, "{"), name)
		require.True(t, strings.HasSuffix(stdout, "}\n"), name)
		require.Contains(t, stderr, "adam", "the table")
		html := read(t, "r.html")
		require.Contains(t, html, "<svg ", name)
		require.Contains(t, html, "<code>compare "+args[0]+" "+args[1], name)
		require.Contains(t, html, "processors", name)
		require.True(t, strings.HasPrefix(read(t, "r.pdf"), "%PDF-"), name)
		rows, err := csv.NewReader(strings.NewReader(read(t, "r.csv"))).ReadAll()
		require.NoError(t, err)
		require.Equal(t, "problem", rows[0][0])
		require.Greater(t, len(rows), 1, name)
	}
}

// Law: the curves as CSV are the means in the JSON, to the last digit.
func TestCSVAgreesWithJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MustRun(t, Run, small("--optimizer", "adam,sgd", "--progress", "off", "--json", "r.json", "--csv", "r.csv")...)
	rows, err := csv.NewReader(strings.NewReader(read(t, "r.csv"))).ReadAll()
	require.NoError(t, err)
	at := 1
	for _, x := range readReport(t, "r.json").Results {
		for _, loss := range x.Curve {
			got, err := strconv.ParseFloat(rows[at][5], 64)
			require.NoError(t, err)
			require.Equal(t, *loss, got)
			require.Equal(t, x.Name, rows[at][2])
			at++
		}
	}
	require.Len(t, rows, at)
}

// Work that takes longer than a minute says so before it begins, and what would make it shorter; nothing says so of what is short.
func TestLongWorkIsAnnounced(t *testing.T) {
	t.Chdir(t.TempDir())
	_, stderr := clitest.MustRun(t, Run, small("--optimizer", "sgd", "--progress", "plain")...)
	require.NotContains(t, stderr, "this will take")
}
