package learnedopt_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// Law: a run under LossCheck that is saved in any turn goes on elsewhere to the same bits, and so do its saved states.
func TestSavedCheckGoesOnToTheSameBits(t *testing.T) {
	h := hostiles()[4]
	for name, tr := range suspects(t) {
		for _, save := range []int{0, 1, 5, 6, 8, 12, 13, 19, 40, 77} {
			guard := learnedopt.WithGuard(learnedopt.LossCheck{Fallback: h.fallback, Steps: 6, Longest: 12})
			o := guarded(t, tr, len(h.start), guard, learnedopt.WithWeightDecay(0.001))
			var resumed *learnedopt.Optimizer
			theta, other, g := params.Convert[float32](h.start), make([]float32, len(h.start)), make([]float64, len(h.start))
			step := func(o *learnedopt.Optimizer, theta []float32) {
				loss := h.at(g, params.Convert[float64](theta))
				require.NoError(t, o.StepLoss(theta, params.Convert[float32](g), loss))
			}
			for i := range 120 {
				if i == save {
					saved, err := o.MarshalBinary()
					require.NoError(t, err)
					resumed = guarded(t, tr, len(h.start), guard, learnedopt.WithWeightDecay(0.001))
					rng.Normal(other, 1, 1)
					for range 9 {
						step(resumed, other)
					}
					require.NoError(t, resumed.UnmarshalBinary(saved))
					copy(other, theta)
				}
				step(o, theta)
				if i >= save {
					step(resumed, other)
					require.Equal(t, theta, other, "%s saved at %d, step %d", name, save, i)
				}
			}
			require.Equal(t, o.Checks(), resumed.Checks())
			a, err := o.MarshalBinary()
			require.NoError(t, err)
			b, err := resumed.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, a, b)
			require.NoError(t, o.Reset())
			require.Zero(t, o.Checks())
			fresh := guarded(t, tr, len(h.start), guard, learnedopt.WithWeightDecay(0.001))
			copy(theta, params.Convert[float32](h.start))
			again := slices.Clone(theta)
			for range 30 {
				step(o, theta)
				step(fresh, again)
			}
			require.Equal(t, again, theta)
		}
	}
}

// A saved state goes on under the guard that it was saved under.
func TestSavedStateOfAnotherGuard(t *testing.T) {
	sgd := trained(&handmade.SGD{LR: 0.1})
	guards := map[string]learnedopt.Guard{
		"none": nil, "clip": learnedopt.ClipStep{}, "graft(adam)": learnedopt.Graft{},
		"graft(lion)": learnedopt.Graft{Fallback: new(handmade.Lion)}, "loss-check(adam)": learnedopt.LossCheck{},
	}
	for from, a := range guards {
		o := guarded(t, sgd, 3, learnedopt.WithGuard(a))
		require.NoError(t, o.StepLoss(make([]float32, 3), []float32{1, 2, 3}, 1))
		saved, err := o.MarshalBinary()
		require.NoError(t, err)
		for to, b := range guards {
			err := guarded(t, sgd, 3, learnedopt.WithGuard(b)).UnmarshalBinary(saved)
			if from == to {
				require.NoError(t, err)
				continue
			}
			require.EqualError(t, err, `learnedopt: in the saved state the guard is "`+from+`", here "`+to+`": use the same options`)
			require.EqualError(t, sgd.Solver(learnedopt.WithGuard(b)).UnmarshalBinary(saved), err.Error())
		}
	}
}

// Counts that a check can't have are refused, and the optimizer is as it was.
func TestSavedCheckThatIsNone(t *testing.T) {
	o := guarded(t, trained(new(handmade.SGD)), 3, learnedopt.WithGuard(learnedopt.LossCheck{}))
	require.NoError(t, o.StepLoss(make([]float32, 3), []float32{1, 2, 3}, 1))
	before, err := o.MarshalBinary()
	require.NoError(t, err)
	for old, bad := range map[string]string{
		`"Turn":0`: `"Turn":9`, `"Taken":1`: `"Taken":-1`, `{"Begun":`: `{"Begun"?`, `"Length":10`: `"Length":0`,
	} {
		damaged := respell(t, before, old, bad)
		require.EqualError(t, o.UnmarshalBinary(damaged), `learnedopt: saved state: metadata "check" is none of a loss check`)
		after, err := o.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
}

// respell changes the metadata of a saved state.
func respell(t *testing.T, saved []byte, old, by string) []byte {
	f, err := checkpoints.Read(bytes.NewReader(saved), "optimizer")
	require.NoError(t, err)
	require.Contains(t, f.Meta["check"], old)
	f.Meta["check"] = strings.Replace(f.Meta["check"], old, by, 1)
	var b bytes.Buffer
	require.NoError(t, f.Write(&b))
	return b.Bytes()
}
