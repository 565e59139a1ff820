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
}

func newConvolution[F params.Float](p *plan, name string, rows, cols, channels, out int) convolution[F] {
	c := convolution[F]{rows: rows, cols: cols, channels: channels}
	c.outRows, c.outCols = (rows+2*pad-kernelSide)/stride+1, (cols+2*pad-kernelSide)/stride+1
	c.in, c.out = kernelSide*kernelSide*channels, out
	c.w, c.b = p.add(name+".w", kernelSide, kernelSide, channels, out), p.add(name+".b", out)
	return c
}

// places returns the number of windows in an image, which is that of the pixels of the result.
func (c convolution[F]) places() int { return c.outRows * c.outCols }

// each calls f for every row of every window of n images that is not all zeros around it: the elements from window on see those
// from image on.
func (c convolution[F]) each(n int, f func(window, image, elements int)) {
	for i := range n * c.places() {
		image, place := i/c.places(), i%c.places()
		top, left := place/c.outCols*stride-pad, place%c.outCols*stride-pad
		first, last := max(left, 0), min(left+kernelSide, c.cols)
		for k := range kernelSide {
			if y := top + k; y >= 0 && y < c.rows {
				at := (image*c.rows+y)*c.cols + first
				f(i*c.in+(k*kernelSide+first-left)*c.channels, at*c.channels, (last-first)*c.channels)
			}
		}
	}
}

// windows overwrites w, [n·places, in], with the windows of n images. What lies around images must be zero in it, and stays so.
func (c convolution[F]) windows(w, x []F, n int) {
	c.each(n, func(window, image, elements int) { copy(w[window:window+elements], x[image:image+elements]) })
}

// lay overwrites dx with the sums of what windows would take from each pixel.
func (c convolution[F]) lay(dx, w []F, n int) {
	clear(dx[:n*c.rows*c.cols*c.channels])
	c.each(n, func(window, image, elements int) { addTo(dx[image:image+elements], w[window:window+elements]) })
}
