package learnedopt

import (
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

// ImportPyLO reads the weights of Celo2 or of AdafacMLP from a safetensors file of PyLO, https://github.com/Belilovsky-Lab/pylo, or
// one with names like its own: w0.0 to w0.13, b0, dense_w.0 and so on for Celo2, network.input.weight and so on for AdafacMLP. Sizes
// follow from what is there; all else is PyLO's default, of AdafacMLP a step of 0.01 and the decays that were learned for µLO, which
// are in no file. What belongs to the widths of networks in µLO is not in the rule. Files have at most 8 MiB. The error names the file
// and what is wrong: no such file, a tensor that is missing, of another shape or not finite, or one that no rule has a place for.
// [Load] calls it for a safetensors file that is none of ours.
func ImportPyLO(path string) (*Trained, error) {
	arrays, err := checkpoints.LoadSafetensors(path)
	if err != nil {
		return nil, err
	}
	t, err := importPyLO(arrays)
	if err != nil {
		return nil, fmt.Errorf("learnedopt: %s: %w", path, err)
	}
	return t, nil
}

func importPyLO(arrays map[string]checkpoints.Array) (*Trained, error) {
	const celo2, adafac = "b0", "network.input.bias"
	if b, ok := arrays[celo2]; ok {
		return imported(&mlp.Celo2{Hidden: len(b.Data)}, "pylo", arrays, pyloCelo2)
	}
	if b, ok := arrays[adafac]; ok {
		return imported(&mlp.AdafacMLP{Hidden: len(b.Data), Step: 0.01}, "pylo", arrays, pyloAdafac)
	}
	const neither = "a safetensors file that is %w, and has the weights of neither celo2 nor adafacmlp of PyLO: there is no %s and no %s"
	return nil, fmt.Errorf(neither, checkpoints.ErrForeign, celo2, adafac)
}

// pyloCelo2 takes one tensor of Celo2. Its matrices are as ours.
func pyloCelo2(left map[string]checkpoints.Array, s params.Spec) ([]float32, error) {
	names := map[string]string{"b0": "b0", "w1": "dense_w.0", "b1": "dense_b.0", "w2": "dense_w.1", "b2": "dense_b.1"}
	if s.Name == "w0" {
		return celoFirst(left, s, "w0.%d")
	}
	return celoArray(left, names[s.Name], s.Shape)
}

// pyloDecays are what PyLO adds to the logarithms of the decays.
var pyloDecays = map[string][]float32{
	"momentum": {0.15216392, 0.14245212, 0.06812963}, "rms": {0.01079706}, "adafactor": {0.18621896, -0.10864615, -0.06185547},
}

// pyloAdafac takes one tensor of AdafacMLP, whose matrices are transposed.
func pyloAdafac(left map[string]checkpoints.Array, s params.Spec) ([]float32, error) {
	if decays, ok := pyloDecays[s.Name]; ok {
		return decays, nil
	}
	layer := map[string]string{"0": "network.input", "1": "network.linear_0", "2": "network.output"}[s.Name[1:]]
	if strings.HasPrefix(s.Name, "b") {
		return celoArray(left, layer+".bias", s.Shape)
	}
	in, out := s.Shape[0], s.Shape[1]
	v, err := celoArray(left, layer+".weight", []int{out, in})
	if err != nil {
		return nil, err
	}
	turned := make([]float32, len(v))
	for i := range in {
		for j := range out {
			turned[i*out+j] = v[j*in+i]
		}
	}
	return turned, nil
}
