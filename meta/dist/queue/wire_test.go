package queue_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/dist/queue"
)

var somewhere = queue.Place{Session: [16]byte{1, 2, 3}, Round: 4, Member: 5, Attempt: 6}

func messages() [][]byte {
	result := queue.ResultMessage{}.About(somewhere).With(0.5, []float32{1, 2, float32(math.NaN())}, []byte("state"))
	return [][]byte{
		queue.NewTask(somewhere, 7, []byte("phi."), nil).Encode(), queue.NewTask(somewhere, 7, nil, []byte("state")).Encode(),
		result.Encode(), result.Storing(queue.Ref{Round: 1, Size: 2}).Encode(), queue.ResultMessage{}.Wrongly("no", true).Encode(),
	}
}

// Law: what is read is what was written, and there is one way to write it.
func FuzzMessages(f *testing.F) {
	for _, m := range messages() {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if task, err := queue.DecodeTask(data); err == nil {
			require.Equal(t, data, task.Encode())
		}
		if result, err := queue.DecodeResult(data); err == nil {
			require.Equal(t, data, result.Encode())
		}
	})
}

// Law: a message of which any byte is another, or that is cut or longer, is none.
func TestSpoiledMessages(t *testing.T) {
	for _, m := range messages() {
		_, taskErr := queue.DecodeTask(m)
		_, resultErr := queue.DecodeResult(m)
		require.True(t, (taskErr == nil) != (resultErr == nil), "a message is of one kind")
		decode := func(m []byte) error { _, err := queue.DecodeTask(m); return err }
		if resultErr == nil {
			decode = func(m []byte) error { _, err := queue.DecodeResult(m); return err }
		}
		for i := range m {
			spoiled := append([]byte(nil), m...)
			spoiled[i] ^= 0x10
			require.Error(t, decode(spoiled), i)
			require.Error(t, decode(m[:i]))
		}
		require.Error(t, decode(append(m[:len(m):len(m)], 0)))
		other := append([]byte(nil), m...)
		other[3] = '2'
		require.ErrorIs(t, decode(other), queue.ErrVersion)
	}
}

// The lengths that the documentation of package dist tells.
func TestLengths(t *testing.T) {
	require.Len(t, queue.NewTask(somewhere, 7, []byte("phi."), nil).Encode(), 60+5+4+1)
	require.Len(t, queue.ResultMessage{}.With(1, []float32{1}, nil).Encode(), 101+5+4+1)
	require.Len(t, queue.ResultMessage{}.Storing(queue.Ref{}).Encode(), 101+1+49)
}
