package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The example that the package of the queue documents: 21 kB down for each process and 21 kB up for each member in whole
// episodes, another 489 kB both ways in windows.
func TestTrafficOfTheExample(t *testing.T) {
	z := Sizes{Phi: 5141, Theta: 1510, Memory: 80}
	whole, windows := traffic(t, "bptt", z), traffic(t, "tbptt", z)
	require.EqualValues(t, 4*5141+natsBytes, whole.Phi)
	require.EqualValues(t, 62+41+1+2*natsBytes, whole.Task)
	require.EqualValues(t, 98+5+4*5141+1+3*natsBytes, whole.Result)
	require.Equal(t, 7, whole.TaskMessages+whole.ResultMessages)
	require.EqualValues(t, 4*1510*81+40+natsBytes, windows.Task-whole.Task)
	require.EqualValues(t, 4*1510*81+40+natsBytes, windows.Result-whole.Result)
	require.Equal(t, 4, windows.ResultMessages-whole.ResultMessages) // a part stored, and fetched by the learner
	require.Equal(t, whole.Phi, windows.Phi)

	require.Equal(t, whole, traffic(t, "es", z))
	pairs := z
	pairs.Pairs = 3
	one, three := traffic(t, "pes", z), traffic(t, "pes", pairs)
	require.Greater(t, three.Task-one.Task, int64(2*(4*(2*5141+2*(1510*82+1)))))
	require.EqualValues(t, 2*16, traffic(t, "losses", pairs).Result-traffic(t, "losses", z).Result)
}

func traffic(t *testing.T, name string, z Sizes) Traffic {
	e, err := named(name)
	require.NoError(t, err)
	return e.traffic(z)
}

// A small phi goes with each task, a large one in parts to each worker, and a candidate's own with its task whatever its length.
func TestWhereBlobsGo(t *testing.T) {
	small, large := traffic(t, "es", Sizes{Phi: 1024}), traffic(t, "es", Sizes{Phi: 1025})
	require.Zero(t, small.Phi)
	require.Zero(t, small.PhiMessages)
	require.EqualValues(t, 4096+5-41, small.Task-large.Task)
	require.EqualValues(t, 4100+natsBytes, large.Phi)

	parts := traffic(t, "es", Sizes{Phi: 3 * partBytes / 4})
	require.Equal(t, 6, parts.PhiMessages)
	require.EqualValues(t, 3*(partBytes+natsBytes), parts.Phi)
	require.Equal(t, 3+2*6, parts.ResultMessages) // the gradient is as long

	own := traffic(t, "search", Sizes{Phi: 3 * partBytes / 4})
	require.Zero(t, own.Phi)
	require.Greater(t, own.Task, int64(3*partBytes))
	require.Equal(t, 4+12, own.TaskMessages)
	require.EqualValues(t, 98+2+3*natsBytes, own.Result)
}
