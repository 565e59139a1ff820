package checkpoints

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/nlpodyssey/safetensors"

	"github.com/seed1498fded/unroll/internal/brief"
)

// LoadSafetensors reads the tensors of a safetensors file that somebody else has written, such as PyTorch's: numbers of type F32,
// by name. A file that will not do, one with tensors of another type and one of more than 8 MiB is an [ErrFormat], a missing one
// [os.ErrNotExist]. Such a file has no checksum.
func LoadSafetensors(path string) (map[string]Array, error) {
	return loadForeign(path, maxFlax, readSafetensors)
}

func readSafetensors(b []byte) (map[string]Array, error) {
	header, err := readHeader(bufio.NewReader(bytes.NewReader(b)), int64(len(b)))
	if err != nil {
		return nil, err
	}
	m, err := parseHeader(header)
	if err != nil {
		return nil, err
	}
	tensors, data := m.Tensors(), b[8+len(header):]
	size, err := tile(tensors)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	case size != int64(len(data)):
		return nil, fmt.Errorf("%w: the tensors take %d bytes, there are %d", ErrFormat, size, len(data))
	}
	arrays := make(map[string]Array)
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		switch {
		case t.DType != safetensors.F32:
			return nil, fmt.Errorf("%w: tensor %s has elements of type %v, want F32", ErrFormat, brief.Quote(name), t.DType)
		case slices.Contains(t.Shape, 0):
			return nil, fmt.Errorf("%w: tensor %s is empty, its shape is %s", ErrFormat, brief.Quote(name), brief.List(t.Shape))
		}
		part := data[t.DataOffsets[0]:t.DataOffsets[1]]
		a := Array{Shape: make([]int, len(t.Shape))}
		for i, d := range t.Shape {
			a.Shape[i] = int(d)
		}
		if a.Data, err = numbers[float32](bytes.NewReader(part), len(part)/4); err != nil {
			return nil, fmt.Errorf("reading tensor %s: %w", brief.Quote(name), err)
		}
		arrays[name] = a
	}
	return arrays, nil
}
