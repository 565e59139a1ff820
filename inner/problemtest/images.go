package problemtest

import (
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/internal/rng"
)

// Images makes up n square images of side×side pixels and 4 classes, always the same, with a third of the pixels black.
func Images(n, side int) *data.Set {
	s := &data.Set{Images: make([]byte, n*side*side), Labels: make([]byte, n), Rows: side, Cols: side, Classes: 4}
	draw := rng.New(1)
	for i := range s.Images {
		if i%3 > 0 {
			s.Images[i] = byte(draw.IntN(256))
		}
	}
	for i := range s.Labels {
		s.Labels[i] = byte(draw.IntN(s.Classes))
	}
	return s
}
