package nets

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// Conv is a convolution, in the sense of a cross-correlation, as everywhere in this trade:
//
//	u[c, y, x] = b[c] + Σ w[c, d, i, j]·in[d, y·Stride+i−Pad, x·Stride+j−Pad]
//
// summed over all channels d of the input and over the rows i and columns j of a square kernel, with zeros around the
// image. w is [Channels, input channels, Kernel, Kernel] and b [Channels]; the fan-in is input channels·Kernel². The
// result has ⌊(rows + 2·Pad − Kernel)/Stride⌋ + 1 rows, and columns alike: where Stride does not divide, the last rows and
// columns of the image go unseen.
type Conv struct {
	Channels int // of the result, 1 or more
	Kernel   int // 1 or more, and not larger than the image with what is around it
	Stride   int // 1 or more
	Pad      int // zeros on each side, 0 or more
}

// String implements Layer.
func (c Conv) String() string {
	return fmt.Sprintf("conv %d of %dx%d, stride %d, pad %d", c.Channels, c.Kernel, c.Kernel, c.Stride, c.Pad)
}

func (c Conv) validate(in Shape) error {
	switch high, wide := in.Rows+2*c.Pad, in.Cols+2*c.Pad; {
	case c.Channels < 1:
		return fmt.Errorf("%d channels; want 1 or more", c.Channels)
	case c.Kernel < 1:
		return fmt.Errorf("a kernel of %d; want 1 or more", c.Kernel)
	case c.Stride < 1:
		return fmt.Errorf("a stride of %d; want 1 or more", c.Stride)
	case c.Pad < 0:
		return fmt.Errorf("a pad of %d; want 0 or more", c.Pad)
	case c.Kernel > high || c.Kernel > wide:
		return fmt.Errorf("a kernel of %d does not fit an image of %dx%d, %dx%d with its pad", c.Kernel, in.Rows, in.Cols, high, wide)
	}
	return nil
}

// newConv writes a convolution as a product of the weights and the windows of the image that they see.
func newConv[F params.Float](c Conv, in Shape) (affine[F], error) {
	if err := c.validate(in); err != nil {
		return nil, err
	}
	v := windows{in: in, kernel: c.Kernel, stride: c.Stride, pad: c.Pad}
	v.rows, v.cols = (in.Rows+2*c.Pad-c.Kernel)/c.Stride+1, (in.Cols+2*c.Pad-c.Kernel)/c.Stride+1
	weights := []int{c.Channels, in.Channels, c.Kernel, c.Kernel}
	d, err := newDerived[F](in, weights, v.depth(), func(x, w *G.Node) (*G.Node, error) {
		seen, err := v.take(x)
		if err != nil {
			return nil, err
		}
		return product{shape: Shape{c.Channels, v.rows, v.cols}.dims()}.of(w, seen)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// windows are the parts of an image that a kernel sees, one for each of rows×cols places.
type windows struct {
	in                  Shape
	kernel, stride, pad int
	rows, cols          int
}

// depth is the number of pixels of a window.
func (v windows) depth() int { return v.in.Channels * v.kernel * v.kernel }

// take lays the windows of an image side by side, as the columns of a matrix [depth, places].
func (v windows) take(x *G.Node) (*G.Node, error) {
	return graph.Apply(graph.Def{
		Name:  fmt.Sprintf("windows %v", v),
		Shape: tensor.Shape{v.depth(), v.rows * v.cols},
		F32:   graph.Kernel[float32]{Forward: func(dst []float32, in [][]float32) { takeWindows(v, dst, in[0]) }},
		F64:   graph.Kernel[float64]{Forward: func(dst []float64, in [][]float64) { takeWindows(v, dst, in[0]) }},
		Diff: func(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			dx, err := v.lay(cot, in[0].Shape())
			return []*G.Node{dx}, err
		},
	}, x)
}

// lay adds windows up to an image again: the transpose of take.
func (v windows) lay(m *G.Node, image tensor.Shape) (*G.Node, error) {
	return graph.Apply(graph.Def{
		Name:  fmt.Sprintf("lay windows %v", v),
		Shape: image.Clone(),
		F32:   graph.Kernel[float32]{Forward: func(dst []float32, in [][]float32) { layWindows(v, dst, in[0]) }},
		F64:   graph.Kernel[float64]{Forward: func(dst []float64, in [][]float64) { layWindows(v, dst, in[0]) }},
		Diff: func(_ []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			dm, err := v.take(cot)
			return []*G.Node{dm}, err
		},
	}, m)
}

// each calls f for every run of n numbers in the matrix, from at on, that lie in the image from pixel on, stride apart.
func (v windows) each(f func(at, pixel, n int)) {
	k := v.kernel
	for row := range v.depth() {
		i, j := row/k%k-v.pad, row%k-v.pad
		left := min(max(0, (v.stride-1-j)/v.stride), v.cols)               // the first place whose column j is inside
		right := max(left, min(v.cols, (v.in.Cols-1-j+v.stride)/v.stride)) // the first after it that is outside
		if left == right {
			continue
		}
		for y := range v.rows {
			if r := y*v.stride + i; r >= 0 && r < v.in.Rows {
				f((row*v.rows+y)*v.cols+left, (row/(k*k)*v.in.Rows+r)*v.in.Cols+left*v.stride+j, right-left)
			}
		}
	}
}

func takeWindows[F params.Float](v windows, dst, image []F) {
	if v.pad > 0 {
		clear(dst)
	}
	v.each(func(at, pixel, n int) {
		if v.stride == 1 {
			copy(dst[at:at+n], image[pixel:])
			return
		}
		for x := range n {
			dst[at+x] = image[pixel+x*v.stride]
		}
	})
}

func layWindows[F params.Float](v windows, image, m []F) {
	clear(image)
	v.each(func(at, pixel, n int) {
		if v.stride == 1 {
			to := image[pixel : pixel+n]
			add(to, to, m[at:at+n])
			return
		}
		for x := range n {
			image[pixel+x*v.stride] += m[at+x]
		}
	})
}
