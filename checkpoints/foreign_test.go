package checkpoints

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// foreign is a file with a header and data.
func foreign(header string, data ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

// Tensors of somebody else's file are read by name, with metadata or without.
func TestLoadSafetensors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model")
	const header = `{"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}`
	require.NoError(t, os.WriteFile(path, foreign(header, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0x40, 0x40), 0o600))
	got, err := LoadSafetensors(path)
	require.NoError(t, err)
	require.Equal(t, map[string]Array{"a": {[]int{1, 2}, []float32{1, -2}}, "b": {[]int{}, []float32{3}}}, got)
	_, err = Load(path, "")
	require.ErrorIs(t, err, ErrForeign)
	require.ErrorIs(t, err, ErrFormat)
	_, err = LoadSafetensors(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = LoadSafetensors(t.TempDir())
	require.ErrorIs(t, err, ErrFormat)
}

func TestLoadSafetensorsRefuses(t *testing.T) {
	four := []byte{0, 0, 0, 0}
	for want, file := range map[string][]byte{
		"too short for a safetensors file":                 four,
		"a header of 9 bytes should follow, there are 2":   {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'},
		"no safetensors header":                            foreign(`[]`),
		`tensor "a" has elements of type F16, want F32`:    foreign(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}`, four...),
		`tensor "a" is empty, its shape is [0]`:            foreign(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`),
		"which does not fit its 4 bytes":                   foreign(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, four...),
		"the tensors take 4 bytes, there are 3":            foreign(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, four[1:]...),
		"the tensors take 0 bytes, there are 4":            foreign(`{}`, four...),
		`tensor "a" lies at 4 to 8; want it to begin at 0`: foreign(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, four...),
	} {
		_, err := readSafetensors(file)
		require.ErrorIs(t, err, ErrFormat, want)
		require.ErrorContains(t, err, want)
	}
}
