package learnedopt_test

import (
	"fmt"
	"maps"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
)

// array draws numbers of a shape.
func array(key uint64, shape ...int) checkpoints.FlaxArray {
	n := 1
	for _, d := range shape {
		n *= d
	}
	a := checkpoints.FlaxArray{Shape: shape, Data: make([]float32, n)}
	rng.Normal(a.Data, key, 1)
	return a
}

// celo2Arrays are the weights of Celo2 with three units.
func celo2Arrays() map[string]checkpoints.FlaxArray {
	a := map[string]checkpoints.FlaxArray{
		"ff_mod_stack/~/b0": array(100, 3), "ff_mod_stack/~/b1": array(101, 3), "ff_mod_stack/~/b2": array(102, 3),
		"ff_mod_stack/~/w1": array(103, 3, 3), "ff_mod_stack/~/w2": array(104, 3, 3),
	}
	for i, n := range []int{1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3} {
		a[fmt.Sprintf("ff_mod_stack/~/w0__%d", i)] = array(uint64(i), n, 3)
	}
	return a
}

// The matrices of the first layer come in the order of their numbers, whatever that of their names.
func TestImportOfCelo2(t *testing.T) {
	trained, err := learnedopt.ImportCeloArrays(celo2Arrays())
	require.NoError(t, err)
	require.Equal(t, "celo2", trained.Rule.Name())
	require.Len(t, trained.Phi, 30*3+3+9+3+9+3)
	row := 0
	for i, n := range []int{1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3} {
		require.Equal(t, array(uint64(i), n, 3).Data, trained.Phi[3*row:3*(row+n)], "matrix %d", i)
		row += n
	}
	require.Equal(t, array(100, 3).Data, trained.Phi[90:93])
}

func TestImportErrors(t *testing.T) {
	for want, change := range map[string]func(a map[string]checkpoints.FlaxArray){
		"the weights of none of celo":            func(a map[string]checkpoints.FlaxArray) { clear(a) },
		"there is no array ff_mod_stack/~/w0__7": func(a map[string]checkpoints.FlaxArray) { delete(a, "ff_mod_stack/~/w0__7") },
		"array ff_mod_stack/~/w1 is of shape [3 4], want [3 3]": func(a map[string]checkpoints.FlaxArray) {
			a["ff_mod_stack/~/w1"] = array(1, 3, 4)
		},
		`celo2 has no place for "stranger"`: func(a map[string]checkpoints.FlaxArray) { a["stranger"] = array(1, 1) },
		"want finite meta-parameters": func(a map[string]checkpoints.FlaxArray) {
			a["ff_mod_stack/~/b1"].Data[2] = float32(math.NaN())
		},
		"hidden is 5000, want 1 to 1024": func(a map[string]checkpoints.FlaxArray) { a["ff_mod_stack/~/b0"] = array(1, 5000) },
	} {
		t.Run(want, func(t *testing.T) {
			arrays := maps.Clone(celo2Arrays())
			change(arrays)
			_, err := learnedopt.ImportCeloArrays(arrays)
			require.ErrorContains(t, err, want)
		})
	}
}
