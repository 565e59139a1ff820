package main

import (
	"context"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func output(args ...string) (string, error) {
	f := flag.NewFlagSet("scale", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	o := flags(f)
	if err := f.Parse(args); err != nil {
		return "", err
	}
	var b strings.Builder
	err := run(context.Background(), &b, *o)
	return b.String(), err
}

func TestTables(t *testing.T) {
	for _, args := range [][]string{
		{"--steps", "5", "--workers", "1, 7,200"},
		{"--steps", "5", "--workers", "3,40", "--per-worker", "2.5", "--estimator", "pes", "--pairs", "2"},
		{"--figure", "half", "--steps", "5", "--workers", "100"},
		{"--figure", "bytes"},
	} {
		first, err := output(args...)
		require.NoError(t, err, args)
		again, err := output(args...)
		require.NoError(t, err, args)
		require.Equal(t, first, again)
		lines := strings.Split(strings.TrimSuffix(first, "\n"), "\n")
		require.Greater(t, len(lines), 3)
		for _, line := range lines {
			require.Equal(t, strings.Count(lines[0], "|"), strings.Count(line, "|"), line)
		}
	}
	other, err := output("--steps", "5", "--seed", "2", "--workers", "7")
	require.NoError(t, err)
	same, err := output("--steps", "5", "--workers", "7")
	require.NoError(t, err)
	require.NotEqual(t, same, other)
}

func TestFlagsOutOfRange(t *testing.T) {
	for want, args := range map[string][]string{
		`no figure "x"; there are bytes, half, workers`:                     {"--figure", "x"},
		`no estimator "x"; there are bptt, tbptt, es, pes, search, losses`:  {"--estimator", "x"},
		`workers: "0"; want numbers from 1 to 1048576, such as 1,100,10000`: {"--workers", "4,0"},
		`workers: ""; want numbers from 1 to 1048576, such as 1,100,10000`:  {"--workers", "", "--figure", "half"},
		`per-worker is NaN; want 0 to 1000`:                                 {"--per-worker", "NaN"},
		`theta is -1; want 0 to 2^30`:                                       {"--theta", "-1"},
		`a state of up to 4.8e+10 bytes; want 2^34 or fewer`:                {"--theta", "1000000000", "--memory", "3", "--phi", "0"},
		`merge is -1s; want 0s to 1000h`:                                    {"--merge", "-1s"},
	} {
		_, err := output(args...)
		require.EqualError(t, err, want)
	}
}
