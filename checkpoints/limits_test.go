package checkpoints

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/nlpodyssey/safetensors"
	"github.com/stretchr/testify/require"
)

// The limits are 32 MiB of tensors in a rule or a stream and 1 GiB in any other file: what is as large is taken, what is a
// number larger is not.
func TestLimitsOfTensors(t *testing.T) {
	require.EqualValues(t, 32*1024*1024, limitOf(KindRule))
	require.EqualValues(t, 1024*1024*1024, limitOf("training"))
	require.EqualValues(t, 1024*1024*1024, limitOf(""))
	of := func(sizes ...uint64) (int64, error) {
		tensors, at := make(map[string]*safetensors.TensorInfo), uint64(0)
		for i, n := range sizes {
			tensors[fmt.Sprint("t", i)] = &safetensors.TensorInfo{DType: safetensors.F32, Shape: []uint64{n}, DataOffsets: [2]uint64{at, at + 4*n}}
			at += 4 * n
		}
		return tile(tensors)
	}
	const most = 256 * 1024 * 1024 // float32 in 1 GiB
	for _, sizes := range [][]uint64{{most}, {most - 3, 2, 1}, {1, most - 1}} {
		size, err := of(sizes...)
		require.NoError(t, err)
		require.EqualValues(t, 1024*1024*1024, size)
	}
	for _, sizes := range [][]uint64{{most + 1}, {most, 1}, {1, most}} {
		_, err := of(sizes...)
		require.ErrorContains(t, err, "and to end by 1073741824", "%v", sizes)
	}
}

// The header takes up to 4 MiB, and holds up to 262,144 values, in objects and lists up to three deep.
func TestLimitsOfHeaders(t *testing.T) {
	spaces := func(n int) []byte { return append([]byte("{}"), bytes.Repeat([]byte(" "), n-2)...) }
	require.NoError(t, checkHeader(spaces(4*1024*1024)))
	require.ErrorContains(t, checkHeader(spaces(4*1024*1024+1)), "a header of 4194305 bytes, at most 4194304 are allowed")

	list := func(n int) []byte { return []byte("[" + strings.Repeat("1,", n-2) + "1]") } // n values, the list among them
	require.NoError(t, checkJSON(list(262_144)))
	require.Error(t, checkJSON(list(262_145)))

	nested := func(n int) []byte { return []byte(strings.Repeat(`[`, n) + strings.Repeat(`]`, n)) }
	require.NoError(t, checkJSON(nested(3)))
	require.Error(t, checkJSON(nested(4)))
}

// Of a file it is known that a header can't follow, of a stream only that it would be too long.
func TestHeadersThatAreTooLong(t *testing.T) {
	claim := binary.LittleEndian.AppendUint64(nil, 4*1024*1024+1)
	claim = append(claim, "{       "...)
	_, err := readFile(bytes.NewReader(claim), int64(len(claim)), "")
	require.ErrorContains(t, err, "truncated, or no safetensors file: a header of 4194305 bytes should follow, there are 8")
	require.ErrorIs(t, err, ErrFormat)
	_, err = readStream(bytes.NewReader(claim), "")
	require.ErrorContains(t, err, "no safetensors file, or one with a header of 4194305 bytes; at most 4194304 are allowed")
	require.ErrorIs(t, err, ErrFormat)
}
