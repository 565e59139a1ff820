// Package data holds labelled images as bytes and reads them from idx files, the format of MNIST and its kin
// (Fashion-MNIST, KMNIST, ...), plain or gzipped.
//
// The format is described on the home page of the MNIST database: a big-endian magic number, whose third byte says that
// the elements are unsigned bytes and whose fourth counts the dimensions, then the dimensions, four bytes each, then
// the elements in row-major order.
package data

import (
	"errors"
	"fmt"
)

// A Set is a list of grey images of one size, each with a label. The zero Set is empty.
type Set struct {
	Images     []byte // Len images of Rows*Cols pixels, row-major, one after another, 0..255
	Labels     []byte // the class of each image, 0..Classes-1
	Rows, Cols int    // size of every image
	Classes    int    // 1..256; a class need not have any images
}

// Len returns the number of images.
func (s *Set) Len() int { return len(s.Labels) }

// Pixels returns the number of pixels of one image.
func (s *Set) Pixels() int { return s.Rows * s.Cols }

// Image returns the Pixels bytes of the i-th image, sharing s's memory. It panics unless 0 <= i < Len.
func (s *Set) Image(i int) []byte {
	if i < 0 || i >= s.Len() {
		panic(fmt.Sprintf("data: Image(%d) of a set of %d images", i, s.Len()))
	}
	n := s.Pixels()
	return s.Images[i*n : (i+1)*n : (i+1)*n]
}

// Slice returns the images from, ..., to-1, sharing s's memory, with s's Classes whatever labels are among them.
// It panics unless 0 <= from <= to <= Len.
func (s *Set) Slice(from, to int) *Set {
	if from < 0 || to < from || to > s.Len() {
		panic(fmt.Sprintf("data: Slice(%d, %d) of a set of %d images", from, to, s.Len()))
	}
	n, part := s.Pixels(), *s
	// The capacities are cut so that appending to a part never writes into its neighbour.
	part.Images = s.Images[from*n : to*n : to*n]
	part.Labels = s.Labels[from:to:to]
	return &part
}

// Validate reports the first thing wrong with the set: no images, an image size below 1x1, lengths that do not fit each
// other, Classes outside 1..256, a label outside 0..Classes-1, or more pixels than an idx file may hold here (1 GiB).
func (s *Set) Validate() error {
	if err := s.check(); err != nil {
		return fmt.Errorf("data: set: %w", err)
	}
	return nil
}

func (s *Set) check() error {
	n, err := payload(int64(s.Len()), int64(s.Rows), int64(s.Cols))
	switch {
	case err != nil:
		return err
	case len(s.Images) != n:
		return fmt.Errorf("%d bytes of images for %d labels of %dx%d pixels; want %d", len(s.Images), s.Len(), s.Rows, s.Cols, n)
	case s.Classes < 1 || s.Classes > 256:
		return fmt.Errorf("%d classes; want 1..256", s.Classes)
	}
	for i, label := range s.Labels {
		if int(label) >= s.Classes {
			return fmt.Errorf("label %d of image %d; want 0..%d", label, i, s.Classes-1)
		}
	}
	return nil
}

// maxPayload bounds the elements of one file, so that a few hostile bytes, gzipped, cannot fill the memory. It is twice
// the largest set of this kind in use (EMNIST by class: 697,932 images of 28x28) and fits an int of 32 bits.
const maxPayload = 1 << 30

var errNoItems = errors.New("every dimension must be at least 1")

// payload returns the product of the dimensions, or an error if one is below 1 or the product above maxPayload.
func payload(dims ...int64) (int, error) {
	n := int64(1)
	for _, d := range dims {
		if d < 1 {
			return 0, fmt.Errorf("dimensions %v: %w", dims, errNoItems)
		}
		if d > maxPayload/n {
			return 0, fmt.Errorf("dimensions %v: more than %d bytes", dims, maxPayload)
		}
		n *= d
	}
	return int(n), nil
}

const (
	fullSide  = 28 // the images Downsample8 takes
	pad       = 2  // zeros around them on each side
	block     = 4  // side of the square that becomes one pixel
	smallSide = (fullSide + 2*pad) / block
)

// Downsample8 returns the set with its 28x28 images made 8x8: two pixels of zeros are added on each side, and each 4x4
// block of the 32x32 image that results becomes its mean. Labels are shared with s, pixels are not.
//
// Means are rounded to the nearest byte, halves up. The error is at most 1/510 of the full scale, well under the noise
// of the digits themselves, and it keeps all images one byte a pixel. Images of another size are an error.
func (s *Set) Downsample8() (*Set, error) {
	if s.Rows != fullSide || s.Cols != fullSide {
		return nil, fmt.Errorf("data: Downsample8 of %dx%d images; want %dx%d", s.Rows, s.Cols, fullSide, fullSide)
	}
	small := *s
	small.Rows, small.Cols = smallSide, smallSide
	small.Images = make([]byte, s.Len()*small.Pixels())
	for i := range s.Len() {
		downsample(small.Image(i), s.Image(i))
	}
	return &small, nil
}

func downsample(dst, src []byte) {
	var sums [smallSide * smallSide]int
	for i, pixel := range src {
		row, col := (i/fullSide+pad)/block, (i%fullSide+pad)/block
		sums[row*smallSide+col] += int(pixel)
	}
	const area = block * block
	for i, sum := range sums {
		dst[i] = byte((sum + area/2) / area)
	}
}

// Downsample returns the set with its 28x28 images made smaller: by Downsample8 for a side of 8, by the means of its 2x2 blocks
// for 4, and by the means of 2x2 and 4x4 blocks of pixels for 14 and 7. A side of 28 is the set itself. Means are rounded as there.
func (s *Set) Downsample(side int) (*Set, error) {
	switch {
	case s.Rows != fullSide || s.Cols != fullSide:
		return nil, fmt.Errorf("data: Downsample of %dx%d images; want %dx%d", s.Rows, s.Cols, fullSide, fullSide)
	case side == fullSide:
		return s, nil
	case side == 14 || side == 7:
		return s.shrunk(fullSide / side), nil
	case side != 8 && side != 4:
		return nil, fmt.Errorf("data: Downsample to a side of %d; want 4, 7, 8, 14 or 28", side)
	}
	small, err := s.Downsample8()
	if err == nil && side == 4 {
		small = small.shrunk(2)
	}
	return small, err
}

// shrunk returns the set with each block of n x n pixels made its mean.
func (s *Set) shrunk(n int) *Set {
	small := *s
	small.Rows, small.Cols = s.Rows/n, s.Cols/n
	small.Images = make([]byte, s.Len()*small.Pixels())
	sums := make([]int, small.Pixels())
	for i := range s.Len() {
		clear(sums)
		for k, pixel := range s.Image(i) {
			sums[k/s.Cols/n*small.Cols+k%s.Cols/n] += int(pixel)
		}
		for k, sum := range sums {
			small.Images[i*small.Pixels()+k] = byte((sum + n*n/2) / (n * n))
		}
	}
	return &small
}
