package params_test

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"
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

// anyShape draws shapes good and bad, whose products often overflow an int.
func anyShape() *rapid.Generator[[]int] {
	dim := rapid.OneOf(rapid.IntRange(-2, 4), rapid.IntRange(1, 1<<20), rapid.Int(),
		rapid.Custom(func(t *rapid.T) int { return 1 << rapid.IntRange(0, bits.UintSize-2).Draw(t, "log") }))
	return rapid.SliceOfN(dim, 0, 5)
}

// product multiplies a shape up without bounds; positive says that its dimensions are.
func product(shape []int) (n *big.Int, positive bool) {
	n, positive = big.NewInt(1), true
	for _, d := range shape {
		n.Mul(n, big.NewInt(int64(d)))
		positive = positive && d > 0
	}
	return n, positive
}

// Law: Validate accepts exactly what has names, positive dimensions and no more than MaxLen elements; there Len is the
// true sum of the true products, and it panics rather than be wrong.
func TestLengthsDoNotOverflow(t *testing.T) {
	rapid.Check(t, checkLengths)
}

func FuzzLengths(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkLengths)) }

func checkLengths(t *rapid.T) {
	var l params.Layout
	most, total, valid := big.NewInt(params.MaxLen), new(big.Int), true
	for i, shape := range rapid.SliceOfN(anyShape(), 0, 4).Draw(t, "shapes") {
		s := params.Spec{Name: fmt.Sprint("t", i), Shape: shape}
		l = append(l, s)
		n, positive := product(shape)
		valid = valid && positive && len(shape) > 0
		switch {
		case !positive:
			require.Zero(t, s.Len(), s)
		case n.Cmp(most) > 0:
			require.Panics(t, func() { s.Len() }, s)
			valid = false
		default:
			require.EqualValues(t, n.Int64(), s.Len(), s)
		}
		total.Add(total, n)
	}
	if valid = valid && total.Cmp(most) <= 0; !valid {
		require.Error(t, l.Validate())
		return
	}
	require.NoError(t, l.Validate())
	require.EqualValues(t, total.Int64(), l.Len())
}

// 3 times a third of 2^64 + 2 is 2 in 64 bits.
func TestTooManyElements(t *testing.T) {
	third := params.Spec{Name: "w", Shape: []int{3, int(uint(math.MaxUint)/3) + 1}}
	require.ErrorContains(t, params.Layout{third}.Validate(), `params: tensor "w" has shape [3 `)
	require.ErrorContains(t, params.Layout{third}.Validate(), fmt.Sprintf("more than %d elements", params.MaxLen))
	require.Panics(t, func() { third.Len() })

	most := params.Spec{Name: "a", Shape: []int{params.MaxLen}}
	require.NoError(t, params.Layout{most}.Validate())
	two := params.Layout{most, {Name: "b", Shape: []int{1}}}
	require.EqualError(t, two.Validate(), fmt.Sprintf(`params: more than %d elements up to tensor 1, "b"`, params.MaxLen))
	require.PanicsWithValue(t, fmt.Sprintf("params: a layout of 2 tensors with more than %d elements", params.MaxLen), func() { two.Len() })
}

// A line of text stays one, whatever a file says its tensors are called.
func TestTextStaysShort(t *testing.T) {
	long := params.Spec{Name: strings.Repeat("line\n", 1e5), Shape: make([]int, 1e5)}
	many := make(params.Layout, 1e5)
	for i := range many {
		many[i] = params.Spec{Name: fmt.Sprint("a rather long name ", i), Shape: []int{1}}
	}
	one := params.Layout{{Name: "w", Shape: []int{1}}}
	for _, text := range []string{
		long.String(), params.Layout{long}.Validate().Error(), params.Layout{long, long}.Diff(one), one.Diff(params.Layout{long}),
	} {
		require.Less(t, len(text), 280)
		require.NotContains(t, text, "\n")
	}
	require.Equal(t, strings.Repeat("n", 60)+"...[2]", params.Spec{Name: strings.Repeat("n", 61), Shape: []int{2}}.String())
	require.Equal(t, strings.Repeat("n", 60)+"[2]", params.Spec{Name: strings.Repeat("n", 60), Shape: []int{2}}.String())
	require.Less(t, len(many.String()), 1000)
	require.Contains(t, many.String(), "and 99980 more")
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
