package data_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/inner/data"
)

// sets draws a small set that is valid.
func sets() *rapid.Generator[*data.Set] {
	return rapid.Custom(func(t *rapid.T) *data.Set {
		n, rows, cols := rapid.IntRange(1, 9).Draw(t, "n"), rapid.IntRange(1, 6).Draw(t, "rows"), rapid.IntRange(1, 6).Draw(t, "cols")
		classes := rapid.IntRange(1, 256).Draw(t, "classes")
		return &data.Set{
			Images: rapid.SliceOfN(rapid.Byte(), n*rows*cols, n*rows*cols).Draw(t, "images"),
			Labels: rapid.SliceOfN(rapid.ByteMax(byte(classes-1)), n, n).Draw(t, "labels"),
			Rows:   rows, Cols: cols, Classes: classes,
		}
	})
}

// constant returns n images of rows x cols pixels, all of one value, with label 0.
func constant(n, rows, cols int, value byte) *data.Set {
	s := &data.Set{Images: make([]byte, n*rows*cols), Labels: make([]byte, n), Rows: rows, Cols: cols, Classes: 1}
	for i := range s.Images {
		s.Images[i] = value
	}
	return s
}

func TestSliceKeepsImagesWithTheirLabels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sets().Draw(t, "set")
		from := rapid.IntRange(0, s.Len()).Draw(t, "from")
		to := rapid.IntRange(from, s.Len()).Draw(t, "to")
		part := s.Slice(from, to)
		require.Equal(t, to-from, part.Len())
		require.Equal(t, s.Classes, part.Classes)
		require.Len(t, part.Images, part.Len()*part.Pixels())
		for i := range part.Len() {
			require.Equal(t, s.Labels[from+i], part.Labels[i])
			require.Equal(t, s.Image(from+i), part.Image(i))
			require.Same(t, &s.Image(from + i)[0], &part.Image(i)[0], "memory is shared")
		}
	})
}

func TestAppendingToASliceLeavesTheRestAlone(t *testing.T) {
	s := constant(3, 2, 2, 7)
	part := s.Slice(0, 1)
	part.Images, part.Labels = append(part.Images, 1), append(part.Labels, 1)
	_ = append(s.Image(1), 1)
	assert.Equal(t, constant(3, 2, 2, 7), s)
}

func TestOutOfRangePanicsSayTheRange(t *testing.T) {
	s := constant(5, 2, 2, 0)
	assert.PanicsWithValue(t, "data: Slice(2, 6) of a set of 5 images", func() { s.Slice(2, 6) })
	assert.PanicsWithValue(t, "data: Slice(3, 2) of a set of 5 images", func() { s.Slice(3, 2) })
	assert.PanicsWithValue(t, "data: Slice(-1, 2) of a set of 5 images", func() { s.Slice(-1, 2) })
	assert.PanicsWithValue(t, "data: Image(5) of a set of 5 images", func() { s.Image(5) })
	assert.PanicsWithValue(t, "data: Image(-1) of a set of 5 images", func() { s.Image(-1) })
	assert.Zero(t, new(data.Set).Slice(0, 0).Len())
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	require.NoError(t, constant(2, 3, 4, 0).Validate())
	for _, tt := range []struct {
		name, want string
		spoil      func(*data.Set)
	}{
		{"empty", "every dimension must be at least 1", func(s *data.Set) { *s = *s.Slice(0, 0) }},
		{"no rows", "dimensions [2 0 4]", func(s *data.Set) { s.Rows = 0 }},
		{"negative", "dimensions [2 -3 -4]", func(s *data.Set) { s.Rows, s.Cols = -3, -4 }},
		{"huge", "more than 1073741824 bytes", func(s *data.Set) { s.Rows, s.Cols = math.MaxInt, math.MaxInt }},
		{"images cut", "23 bytes of images for 2 labels of 3x4 pixels; want 24", func(s *data.Set) { s.Images = s.Images[1:] }},
		{"no classes", "0 classes; want 1..256", func(s *data.Set) { s.Classes = 0 }},
		{"too many classes", "257 classes; want 1..256", func(s *data.Set) { s.Classes = 257 }},
		{"label", "label 9 of image 1; want 0..0", func(s *data.Set) { s.Labels[1] = 9 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := constant(2, 3, 4, 0)
			tt.spoil(s)
			assert.ErrorContains(t, s.Validate(), "data: set: ")
			assert.ErrorContains(t, s.Validate(), tt.want)
		})
	}
}

// The padding is two pixels wide, so an edge block of a white image is half zeros and a corner block three quarters:
// 255*8/16 = 127.5 and 255*4/16 = 63.75.
func TestDownsampleWhite(t *testing.T) {
	small, err := constant(2, 28, 28, 255).Downsample8()
	require.NoError(t, err)
	require.NoError(t, small.Validate())
	require.Equal(t, []int{2, 8, 8}, []int{small.Len(), small.Rows, small.Cols})
	edge := func(k int) bool { return k == 0 || k == 7 }
	for i, got := range small.Images {
		row, col := i%64/8, i%8
		want := byte(255)
		switch {
		case edge(row) && edge(col):
			want = 64
		case edge(row) || edge(col):
			want = 128
		}
		require.Equal(t, want, got, "row %d column %d", row, col)
	}
}

// The definition, written down again without any tricks.
func TestDownsampleIsTheRoundedMeanOfPaddedBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := constant(2, 28, 28, 0)
		for range rapid.IntRange(0, 60).Draw(t, "strokes") {
			s.Images[rapid.IntRange(0, len(s.Images)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "pixel")
		}
		small, err := s.Downsample8()
		require.NoError(t, err)
		for i := range s.Len() {
			for row := range 8 {
				for col := range 8 {
					sum := 0.0
					for y := 4*row - 2; y < 4*row+2; y++ {
						for x := 4*col - 2; x < 4*col+2; x++ {
							if y >= 0 && y < 28 && x >= 0 && x < 28 {
								sum += float64(s.Image(i)[28*y+x])
							}
						}
					}
					require.Equal(t, byte(math.Round(sum/16)), small.Image(i)[8*row+col], "image %d row %d column %d", i, row, col)
				}
			}
		}
	})
}

func TestDownsampleTakesOnly28x28(t *testing.T) {
	for _, s := range []*data.Set{constant(1, 28, 27, 0), constant(1, 14, 56, 0), {}} {
		_, err := s.Downsample8()
		assert.ErrorContains(t, err, "want 28x28")
	}
}
