package learnedopt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/learnedopt/celo"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

// FlaxSuffix ends the names of the files that [ImportCelo] reads, as in theta.state.
const FlaxSuffix = ".state"

// ImportCelo reads the weights of Celo, Celo-Adam or Celo2 from a file that their authors' code has written, msgpack of Flax
// as in https://github.com/amoudgl/celo; which of them they are of, and the sizes, follow from what is there. The files are
// bounded, see [checkpoints.LoadFlax]. The error names the file and what is wrong: no such file, an array that is missing, of
// another shape or not finite, or one that no rule has a place for. [Load] calls it for names that end in [FlaxSuffix].
func ImportCelo(path string) (*Trained, error) {
	arrays, err := checkpoints.LoadFlax(path)
	if err != nil {
		return nil, err
	}
	t, err := importCelo(arrays)
	if err != nil {
		return nil, fmt.Errorf("learnedopt: %s: %w", path, err)
	}
	return t, nil
}

// What the names of their weights begin with.
const (
	celoNet       = "ff_mod_stack/~/"
	celoScheduler = "rnn_params/"
	celoStart     = "lstm_init_state/"
)

func importCelo(arrays map[string]checkpoints.Array) (*Trained, error) {
	hidden, net := arrays[celoNet+"b0"]
	lstm, scheduled := arrays[celoStart+"hidden"]
	var r Rule
	switch {
	case net && scheduled:
		r = &celo.Celo{Hidden: len(hidden.Data), LSTM: len(lstm.Data)}
	case scheduled:
		r = &celo.Adam{LSTM: len(lstm.Data)}
	case net:
		r = &mlp.Celo2{Hidden: len(hidden.Data)}
	default:
		return nil, fmt.Errorf("the weights of none of celo, celoadam and celo2: there are neither %sb0 nor %shidden", celoNet, celoStart)
	}
	left := maps.Clone(arrays)
	maps.DeleteFunc(left, func(name string, _ checkpoints.Array) bool { return idle(name) })
	return imported(r, "flax", left, celoWeights)
}

// imported makes a rule of arrays, of which take takes those of each tensor of phi. None may be left.
func imported(r Rule, from string, left map[string]checkpoints.Array,
	take func(map[string]checkpoints.Array, params.Spec) ([]float32, error)) (*Trained, error) {
	if err := Validate(r); err != nil {
		return nil, err
	}
	left = maps.Clone(left)
	t := &Trained{Rule: r, Provenance: map[string]string{"imported": from}}
	for _, s := range r.Spec().Phi {
		v, err := take(left, s)
		if err != nil {
			return nil, err
		}
		t.Phi = append(t.Phi, v...)
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		return nil, fmt.Errorf("%s has no place for %s", r.Name(), brief.Quote(name))
	}
	if err := (checkpoints.Rule{Name: r.Name(), Layout: r.Spec().Phi, Phi: t.Phi}).Finite(); err != nil {
		return nil, err
	}
	return t, nil
}

// idle are weights that have no effect on the steps.
func idle(name string) bool {
	return strings.HasPrefix(name, celoScheduler+"linear/") || strings.HasPrefix(name, celoScheduler+"rnn_to_controls/")
}

// celoWeights takes one tensor of phi from what is left of a file.
func celoWeights(left map[string]checkpoints.Array, s params.Spec) ([]float32, error) {
	switch {
	case s.Name == "w0":
		return celoFirst(left, s, celoNet+"w0__%d")
	case s.Name == "hidden" || s.Name == "cell":
		return celoArray(left, celoStart+s.Name, s.Shape)
	case !strings.Contains(s.Name, "."):
		return celoArray(left, celoNet+s.Name, s.Shape)
	}
	return celoArray(left, celoScheduler+strings.ReplaceAll(s.Name, ".", "/"), s.Shape)
}

// celoInputs are how many inputs each of the first layer's matrices has: there is one for each kind of feature.
var celoInputs = []int{1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3}

// celoFirst puts the matrices of the first layer one below the other, by their numbers, which their names have in a form.
func celoFirst(left map[string]checkpoints.Array, s params.Spec, form string) ([]float32, error) {
	var all []float32
	for i, n := range celoInputs {
		v, err := celoArray(left, fmt.Sprintf(form, i), []int{n, s.Shape[1]})
		if err != nil {
			return nil, err
		}
		all = append(all, v...)
	}
	return all, nil
}

// celoArray takes an array of a shape, before which there may be dimensions of 1.
func celoArray(left map[string]checkpoints.Array, name string, shape []int) ([]float32, error) {
	a, there := left[name]
	switch {
	case !there:
		return nil, fmt.Errorf("there is no array %s", name)
	case !slices.Equal(withoutOnes(a.Shape), withoutOnes(shape)):
		return nil, fmt.Errorf("array %s is of shape %s, want %s", name, brief.List(a.Shape), brief.List(shape))
	}
	delete(left, name)
	return a.Data, nil
}

func withoutOnes(shape []int) []int {
	for len(shape) > 0 && shape[0] == 1 {
		shape = shape[1:]
	}
	return shape
}
