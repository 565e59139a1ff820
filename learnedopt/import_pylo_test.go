package learnedopt_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

// writeSafetensors writes arrays as PyTorch's library would, whose metadata says no more than "format": "pt".
func writeSafetensors(t *testing.T, arrays map[string]checkpoints.Array) (path string) {
	t.Helper()
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	var data []byte
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		a, from := arrays[name], len(data)
		for _, v := range a.Data {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": a.Shape, "data_offsets": []int{from, len(data)}}
	}
	text, err := json.Marshal(header)
	require.NoError(t, err)
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	path = filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(path, append(file, data...), 0o600))
	return path
}

// pyloCelo2 has the weights of a rule under the names of PyLO.
func pyloCelo2(r learnedopt.Rule, phi []float32) map[string]checkpoints.Array {
	arrays := make(map[string]checkpoints.Array)
	for _, s := range r.Spec().Phi {
		v, hidden := params.Slice(r.Spec().Phi, phi, s.Name), s.Shape[len(s.Shape)-1]
		name := map[string]string{"b0": "b0", "w1": "dense_w.0", "b1": "dense_b.0", "w2": "dense_w.1", "b2": "dense_b.1"}[s.Name]
		if name != "" {
			arrays[name] = checkpoints.Array{Shape: s.Shape, Data: v}
			continue
		}
		for i, n := range []int{1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3} {
			arrays[fmt.Sprintf("w0.%d", i)] = checkpoints.Array{Shape: []int{n, hidden}, Data: v[:n*hidden]}
			v = v[n*hidden:]
		}
	}
	return arrays
}

// pyloAdafac likewise, with matrices that are transposed, as those of PyTorch's linear layers.
func pyloAdafac(r learnedopt.Rule, phi []float32) map[string]checkpoints.Array {
	arrays := make(map[string]checkpoints.Array)
	for i, layer := range []string{"input", "linear_0", "output"} {
		for _, s := range r.Spec().Phi {
			v := params.Slice(r.Spec().Phi, phi, s.Name)
			switch s.Name {
			case fmt.Sprint("b", i):
				arrays["network."+layer+".bias"] = checkpoints.Array{Shape: s.Shape, Data: v}
			case fmt.Sprint("w", i):
				turned := checkpoints.Array{Shape: []int{s.Shape[1], s.Shape[0]}}
				for j := range s.Shape[1] {
					for k := range s.Shape[0] {
						turned.Data = append(turned.Data, v[k*s.Shape[1]+j])
					}
				}
				arrays["network."+layer+".weight"] = turned
			}
		}
	}
	return arrays
}

// What is written under PyLO's names is read as the rule that it was.
func TestImportOfPyLO(t *testing.T) {
	celo2, adafac := &mlp.Celo2{Hidden: 5}, &mlp.AdafacMLP{Hidden: 6, Step: 0.01}
	phi := learnedopt.Phi(celo2, 3)
	got, err := learnedopt.Load(writeSafetensors(t, pyloCelo2(celo2, phi)))
	require.NoError(t, err)
	require.Equal(t, &mlp.Celo2{Hidden: 5}, got.Rule)
	require.Equal(t, phi, got.Phi)
	require.Equal(t, map[string]string{"imported": "pylo"}, got.Provenance)

	phi = learnedopt.Phi(adafac, 4)
	got, err = learnedopt.Load(writeSafetensors(t, pyloAdafac(adafac, phi)))
	require.NoError(t, err)
	require.Equal(t, adafac, got.Rule)
	n := len(phi) - 7
	require.Equal(t, phi[:n], got.Phi[:n])
	require.Equal(t, []float32{0.15216392, 0.14245212, 0.06812963, 0.01079706, 0.18621896, -0.10864615, -0.06185547}, got.Phi[n:])

	path := filepath.Join(t.TempDir(), "ours.safetensors") // and what has been read is one of ours
	require.NoError(t, got.Save(path))
	again, err := learnedopt.Load(path)
	require.NoError(t, err)
	require.Equal(t, got, again)
}

func TestImportOfPyLORefuses(t *testing.T) {
	celo2, adafac := &mlp.Celo2{Hidden: 3}, &mlp.AdafacMLP{Hidden: 3}
	for want, change := range map[string]func(c, a map[string]checkpoints.Array) map[string]checkpoints.Array{
		"a safetensors file that is not written by this package, and has the weights of neither celo2 nor adafacmlp of PyLO: there is no b0 and no network.input.bias": func(
			c, a map[string]checkpoints.Array) map[string]checkpoints.Array {
			return map[string]checkpoints.Array{"stranger": array(1, 2)}
		},
		"there is no array w0.13": func(c, a map[string]checkpoints.Array) map[string]checkpoints.Array { delete(c, "w0.13"); return c },
		"array dense_w.1 is of shape [3 2], want [3 3]": func(c, a map[string]checkpoints.Array) map[string]checkpoints.Array {
			c["dense_w.1"] = array(1, 3, 2)
			return c
		},
		`celo2 has no place for "dense_b.2"`: func(c, a map[string]checkpoints.Array) map[string]checkpoints.Array {
			c["dense_b.2"] = array(1, 3)
			return c
		},
		"array network.input.weight is of shape [39 3], want [3 39]": func(c, a map[string]checkpoints.Array) map[string]checkpoints.Array {
			a["network.input.weight"] = array(1, 39, 3)
			return a
		},
		"there is no array network.linear_0.bias": func(c, a map[string]checkpoints.Array) map[string]checkpoints.Array {
			delete(a, "network.linear_0.bias")
			return a
		},
		"want finite meta-parameters": func(c, a map[string]checkpoints.Array) map[string]checkpoints.Array {
			a["network.output.bias"].Data[1] = float32(math.Inf(1))
			return a
		},
		"hidden is 5000, want 1 to 1024": func(c, a map[string]checkpoints.Array) map[string]checkpoints.Array {
			c["b0"] = array(1, 5000)
			return c
		},
	} {
		t.Run(want, func(t *testing.T) {
			path := writeSafetensors(t, change(pyloCelo2(celo2, learnedopt.Phi(celo2, 1)), pyloAdafac(adafac, learnedopt.Phi(adafac, 1))))
			_, err := learnedopt.Load(path)
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, path)
			require.Equal(t, 1, strings.Count(err.Error(), path))
		})
	}
	_, err := learnedopt.ImportPyLO("none.safetensors")
	require.ErrorIs(t, err, os.ErrNotExist)
}
