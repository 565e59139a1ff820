package suite

import (
	"github.com/seed1498fded/unroll/params"
)

// The kernels of convolutions are side×side, move by stride pixels and see zeros, pad pixels of them, around the image.
const (
	kernelSide = 3
	stride     = 2
	pad        = 1
)

// A convolution makes images of fewer pixels and other channels. The channels of a pixel lie together, so that it is a dense layer
// of the windows that the kernel sees: w is [kernelSide, kernelSide, channels, out].
type convolution[F params.Float] struct {
	dense[F]
	rows, cols, channels int // of the input
	outRows, outCols     int
	runs                 []run // of an image
}

// A run is what a row of a window sees of an image, without what lies around it: the elements from window on are those from image on.
type run struct{ window, image, elements int }

func newConvolution[F params.Float](p *plan, name string, rows, cols, channels, out int) convolution[F] {
	c := convolution[F]{rows: rows, cols: cols, channels: channels}
	c.outRows, c.outCols = (rows+2*pad-kernelSide)/stride+1, (cols+2*pad-kernelSide)/stride+1
	c.in, c.out = kernelSide*kernelSide*channels, out
	c.w, c.b = p.add(name+".w", kernelSide, kernelSide, channels, out), p.add(name+".b", out)
	for place := range c.places() {
		c.look(place)
	}
	return c
}

// places returns the number of windows in an image, which is that of the pixels of the result.
func (c convolution[F]) places() int { return c.outRows * c.outCols }

// look appends the runs of one window.
func (c *convolution[F]) look(place int) {
	top, left := place/c.outCols*stride-pad, place%c.outCols*stride-pad
	first, last := max(left, 0), min(left+kernelSide, c.cols)
	for k := range kernelSide {
		if y := top + k; y >= 0 && y < c.rows {
			window, image := place*c.in+(k*kernelSide+first-left)*c.channels, (y*c.cols+first)*c.channels
			c.runs = append(c.runs, run{window, image, (last - first) * c.channels})
		}
	}
}

// part returns the windows and the pixels of the i-th image.
func (c convolution[F]) part(i int, w, x []F) (windows, pixels []F) {
	seen, size := c.places()*c.in, c.rows*c.cols*c.channels
	return w[i*seen : (i+1)*seen], x[i*size : (i+1)*size]
}

// windows overwrites w, [n·places, in], with the windows of n images. What lies around images must be zero in it, and stays so.
func (c convolution[F]) windows(w, x []F, n int) {
	for i := range n {
		w, x := c.part(i, w, x)
		for _, r := range c.runs {
			copy(w[r.window:r.window+r.elements], x[r.image:r.image+r.elements])
		}
	}
}

// lay overwrites dx with the sums of what windows would take from each pixel.
func (c convolution[F]) lay(dx, w []F, n int) {
	for i := range n {
		w, dx := c.part(i, w, dx)
		clear(dx)
		for _, r := range c.runs {
			addTo(dx[r.image:r.image+r.elements], w[r.window:r.window+r.elements])
		}
	}
}
