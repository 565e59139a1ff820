package params_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/params"
)

// layouts draws a valid layout of up to five small tensors.
func layouts() *rapid.Generator[params.Layout] {
	return rapid.Custom(func(t *rapid.T) params.Layout {
		var l params.Layout
		for i := range rapid.IntRange(0, 5).Draw(t, "tensors") {
			shape := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 3).Draw(t, "shape")
			l = append(l, params.Spec{Name: fmt.Sprintf("t%d", i), Shape: shape})
		}
		return l
	})
}

// ramp returns 0, 1, 2, ...
func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i)
	}
	return v
}

func TestLenIsTheProductOfTheShape(t *testing.T) {
	for _, tt := range []struct {
		shape []int
		want  int
	}{{[]int{1}, 1}, {[]int{7}, 7}, {[]int{2, 3}, 6}, {[]int{2, 1, 5}, 10}} {
		require.Equal(t, tt.want, params.Spec{Shape: tt.shape}.Len(), tt.shape)
	}
	require.Zero(t, params.Layout(nil).Len())
}

// Law: the tensors lie end to end in order, cover the vector, and share its memory.
func TestSplitCoversTheVector(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := layouts().Draw(t, "layout")
		v := ramp(l.Len())
		parts := params.Split(l, v)
		require.Len(t, parts, len(l))
		at := 0
		for i, s := range l {
			require.Equal(t, i, l.Index(s.Name))
			require.Equal(t, v[at:at+s.Len()], parts[i])
			require.Same(t, &v[at], &parts[i][0], "memory is shared")
			require.Same(t, &v[at], &params.Slice(l, v, s.Name)[0], "memory is shared")
			at += s.Len()
		}
		require.Equal(t, l.Len(), at)
	})
}

// A part that is appended to moves away; it does not grow into the next tensor.
func TestAppendingToAPartLeavesTheRestAlone(t *testing.T) {
	l := params.Layout{{Name: "w", Shape: []int{2}}, {Name: "b", Shape: []int{1}}}
	v := ramp(3)
	_ = append(params.Slice(l, v, "w"), 42)
	require.Equal(t, ramp(3), v)
}

func TestWrongUseOfAVectorPanics(t *testing.T) {
	l := params.Layout{{Name: "w", Shape: []int{2, 2}}, {Name: "b", Shape: []int{2}}}
	for _, n := range []int{0, 5, 7} {
		want := fmt.Sprintf("params: vector of length %d for layout w[2 2] b[2] of length 6", n)
		require.PanicsWithValue(t, want, func() { params.Split(l, ramp(n)) })
		require.PanicsWithValue(t, want, func() { params.Slice(l, ramp(n), "w") })
	}
	require.PanicsWithValue(t, `params: no tensor "W" in layout w[2 2] b[2]`, func() { params.Slice(l, ramp(6), "W") })
	require.Equal(t, -1, l.Index("W"))
}

// Law: Diff has nothing to say exactly when the layouts are equal, and a layout equals its copy.
func TestDiffAgreesWithEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, m := layouts().Draw(t, "l"), layouts().Draw(t, "m")
		require.Equal(t, l.Equal(m), l.Diff(m) == "")
		require.Equal(t, l.Equal(m), m.Equal(l))
		clone := append(params.Layout{}, l...)
		require.True(t, l.Equal(clone))
		require.Empty(t, l.Diff(clone))
	})
}

func TestDiffNamesTheFirstTensorThatDiffers(t *testing.T) {
	w, b := params.Spec{Name: "w", Shape: []int{2, 3}}, params.Spec{Name: "b", Shape: []int{3}}
	long := params.Spec{Name: "w", Shape: []int{6}}
	for _, tt := range []struct {
		name       string
		want, have params.Layout
		diff       string
	}{
		{"equal", params.Layout{w, b}, params.Layout{w, b}, ""},
		{"empty", nil, params.Layout{}, ""},
		{"missing", params.Layout{w, b}, params.Layout{w}, "tensor b[3] is missing"},
		{"too many", params.Layout{w}, params.Layout{w, b}, "tensor b[3] is one too many"},
		{"order", params.Layout{w, b}, params.Layout{b, w}, "tensor 0 is b[3], want w[2 3]"},
		{"shape, not length", params.Layout{b, w}, params.Layout{b, long}, "tensor 1 is w[6], want w[2 3]"},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.diff, tt.want.Diff(tt.have)) })
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	ok := params.Spec{Name: "w", Shape: []int{2}}
	for _, tt := range []struct {
		name   string
		layout params.Layout
		want   string
	}{
		{"no name", params.Layout{ok, {Shape: []int{1}}}, "params: tensor 1 has no name"},
		{"twice", params.Layout{ok, ok}, `params: tensor "w" is named twice`},
		{"no dimensions", params.Layout{{Name: "s"}}, `params: tensor "s" has shape []; want one or more dimensions, each at least 1`},
		{"zero", params.Layout{{Name: "s", Shape: []int{2, 0}}},
			`params: tensor "s" has shape [2 0]; want one or more dimensions, each at least 1`},
		{"negative", params.Layout{{Name: "s", Shape: []int{-2, -3}}},
			`params: tensor "s" has shape [-2 -3]; want one or more dimensions, each at least 1`},
	} {
		t.Run(tt.name, func(t *testing.T) { require.EqualError(t, tt.layout.Validate(), tt.want) })
	}
	require.NoError(t, params.Layout(nil).Validate())
	rapid.Check(t, func(t *rapid.T) { require.NoError(t, layouts().Draw(t, "layout").Validate()) })
}

func TestConvertCopies(t *testing.T) {
	src := []float32{1, -0.5, float32(math.Inf(1))}
	dst := params.Convert[float64](src)
	require.Equal(t, []float64{1, -0.5, math.Inf(1)}, dst)
	same := params.Convert[float32](src)
	same[0] = 9
	require.EqualValues(t, 1, src[0])
	require.Equal(t, []float32{0.1}, params.Convert[float32]([]float64{0.1}))
}
