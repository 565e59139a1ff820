package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Of M members that are alike, half the workers' time is useful up to 2M workers.
func TestFallsWhereMembersRunOut(t *testing.T) {
	for _, m := range []int{1, 10, 64} {
		n, found, err := Scenario{Settings: Settings{Members: m}}.Falls(context.Background(), 0.5, 10_000)
		require.NoError(t, err)
		require.True(t, found)
		require.Greater(t, n, 2*m)
		require.LessOrEqual(t, n, 2*m+1+2*m/20)
	}
	_, found, err := Scenario{Settings: Settings{Members: 64}}.Falls(context.Background(), 0.5, 100)
	require.NoError(t, err)
	require.False(t, found)
}

// With a member for each worker it is the learner that there is too much for: its work takes as long as a member's from T/t
// workers on.
func TestFallsWhereTheLearnerIsFull(t *testing.T) {
	c := Scenario{Settings: Settings{Merge: 10 * time.Millisecond}, PerWorker: 1}
	n, found, err := c.Falls(context.Background(), 0.5, 10_000)
	require.NoError(t, err)
	require.True(t, found)
	require.Greater(t, n, 100)
	require.LessOrEqual(t, n, 106)
	c.PerWorker = 4 // four waves hide it: what comes in during one is done in the next
	n, _, err = c.Falls(context.Background(), 0.5, 10_000)
	require.NoError(t, err)
	require.Greater(t, n, 100)
}

func TestFallsTellsErrors(t *testing.T) {
	_, _, err := Scenario{Settings: Settings{Steps: -1}}.Falls(context.Background(), 0.5, 10)
	require.EqualError(t, err, "steps is -1; want 1 to 1048576")
	require.Equal(t, 11, Scenario{PerWorker: 2.1}.With(5).Members)
	require.Equal(t, Settings{Workers: 5, Members: 3}, Scenario{Settings: Settings{Members: 3}}.With(5))
}
