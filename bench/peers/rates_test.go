package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLastNumber(t *testing.T) {
	for text, want := range map[string]float64{
		"12\n": 12, "threads 2: 137762 steps/s (7.3 us)": 137762, "a 1\nb 2.5e3\n": 2500,
	} {
		got, err := lastNumber(text)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"": `no number in ""`, "none (7.3": `no number in "none (7.3"`, "3 0": "the last number is 0; want one above zero",
		"NaN": "the last number is NaN; want one above zero",
	} {
		_, err := lastNumber(text)
		require.EqualError(t, err, want)
	}
}

func TestRatesAreOfMedians(t *testing.T) {
	ours := &runner{name: "unroll", rates: []float64{300, 100, 200}}
	other := &runner{name: "peer", command: []string{"sh", "-c", "echo took 3 times, 50 a second"}}
	require.NoError(t, other.turn(context.Background()))
	var b strings.Builder
	require.NoError(t, rateTable(&b, []*runner{ours, other}))
	require.Contains(t, b.String(), "| unroll | 200 | 300 | 1.00 |\n| peer | 50 | 50 | 4.00 |\n")
}
