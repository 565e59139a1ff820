package kernel

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/seed1498fded/unroll/params"
)

// What networks over minibatches take beside products. Assembly and plain Go give the same bits, up to those of Decay.

// Pixels sets every element of x to p/255, rounded once, for bytes p.
func Pixels[F params.Float](x []F, p []byte) {
	sameLength(len(x), len(p))
	done := 0
	if level > plain && len(p) >= 8 {
		if x, ok := any(x).([]float32); ok {
			done = len(p) &^ 7
			pixelRowsAVX2(x, p, firstRow[:], done)
		}
	}
	for i, v := range p[done:] {
		x[done+i] = F(v) / 255
	}
}

var firstRow [1]int

// PixelRows is Pixels for the images of a list, each of size bytes: the i-th row of x is that of image rows[i] in p.
func PixelRows[F params.Float](x []F, p []byte, rows []int, size int) {
	sameLength(len(x), len(rows)*size)
	for _, row := range rows {
		if row < 0 || (row+1)*size > len(p) {
			panic(fmt.Sprintf("kernel: row %d of %d bytes in %d", row, size, len(p)))
		}
	}
	if x, ok := any(x).([]float32); ok && level > plain && size&7 == 0 && len(x) > 0 {
		if level == avx512 && size&15 == 0 {
			pixelRowsAVX512(x, p, rows, size)
		} else {
			pixelRowsAVX2(x, p, rows, size)
		}
		return
	}
	for i, row := range rows {
		Pixels(x[i*size:(i+1)*size], p[row*size:(row+1)*size])
	}
}

// Relu sets y to max(x, 0). What is no number stays so.
func Relu[F params.Float](y, x []F) {
	sameLength(len(y), len(x))
	if single, ok := any(y).([]float32); ok && level > plain {
		reluAVX2(single, any(x).([]float32))
		return
	}
	for i, v := range x {
		y[i] = max(v, 0)
	}
}

// PullRelu sets dx to dy where y is above 0, and to dy·0 elsewhere.
func PullRelu[F params.Float](dx, y, dy []F) {
	sameLength(len(dx), len(y))
	sameLength(len(dx), len(dy))
	if single, ok := any(dx).([]float32); ok && level > plain {
		pullReluAVX2(single, any(y).([]float32), any(dy).([]float32))
		return
	}
	for i := range dx { // without a branch: which of the units are on is not to be foreseen
		on := 0
		if y[i] > 0 {
			on = 1
		}
		dx[i] = dy[i] * F(on)
	}
}

// SumRows sets sums to the sum of the rows of a matrix without gaps, each as long as sums, added one after the other.
func SumRows[F params.Float](sums, rows []F) {
	m := len(sums)
	if m == 0 || len(rows)%m != 0 {
		panic(fmt.Sprintf("kernel: sums of %d columns of %d elements", m, len(rows)))
	}
	if single, ok := any(sums).([]float32); ok && level > plain && len(rows) > 0 {
		sumRowsAVX2(single, any(rows).([]float32), len(rows)/m, m)
		return
	}
	clear(sums)
	for ; len(rows) > 0; rows = rows[m:] {
		for j, v := range rows[:m] {
			sums[j] += v
		}
	}
}

// Span returns the columns of a matrix without gaps, m of them, from the first to before the last that have anything but zeros;
// the same twice if none has. Without assembly, and where there are fewer than 16, it returns all.
func Span[F params.Float](x []F, m int) (first, last int) {
	single, ok := any(x).([]float32)
	if !ok || level == plain || m < 16 || len(x) < m {
		return 0, m
	}
	n := len(x) / m
	for first = 0; first < m; {
		at := min(first, m-16)
		if found := nonzeroAVX2(single[at:], n, m); found != 0 {
			first = at + bits.TrailingZeros64(found)
			break
		}
		first = at + 16
	}
	for last = m; last > first; {
		at := max(0, last-16)
		if found := nonzeroAVX2(single[at:], n, m); found != 0 {
			return first, at + bits.Len64(found)
		}
		last = at
	}
	return first, first
}

// CrossEntropy returns the sum over n rows of h of −log softmax(h)·target, and overwrites p with softmax(h)·scale − target·shift.
// The largest number of a row is taken out of every exponential, so that no finite ones overflow; rows that are not finite make
// the sum so. The targets of a row are all zero but for one, which is 1.
func CrossEntropy[F params.Float](p, h, target []F, n int, scale, shift F) float64 {
	sameLength(len(p), len(h))
	sameLength(len(p), len(target))
	classes := len(h) / n
	loss := belowTopOf(p, h, target, n, classes)
	var sums [64]float64 // of as many rows at a time
	for len(p) > 0 {
		rows := min(len(sums), len(p)/classes)
		sharesOf(p[:rows*classes], target, sums[:rows], classes, scale, shift)
		logsOf(&sums)
		for _, log := range sums[:rows] {
			loss += log
		}
		p, target = p[rows*classes:], target[rows*classes:]
	}
	return loss
}

// belowTopOf overwrites p with e^(h − top), top being the largest of each row, and returns the sum of target·(top − h).
func belowTopOf[F params.Float](p, h, target []F, n, classes int) (loss float64) {
	if single, ok := any(p).([]float32); ok && level == avx512 && inOneVector(classes) {
		return belowTopAVX512(single, any(h).([]float32), any(target).([]float32), n, classes)
	}
	for at := 0; at < len(h); at += classes {
		h, p, target := h[at:at+classes], p[at:at+classes], target[at:at+classes]
		top, below := slices.Max(h), 0.0
		for k, v := range h {
			p[k] = v - top
			below += float64(float64(target[k]) * (float64(top) - float64(v)))
		}
		loss += below
	}
	Decay(p, p) // what is below zero by as much
	return loss
}

// sharesOf sets sums to the sums of rows of p, and overwrites p with p/sum·scale − target·shift.
func sharesOf[F params.Float](p, target []F, sums []float64, classes int, scale, shift F) {
	if single, ok := any(p).([]float32); ok && level == avx512 && inOneVector(classes) {
		sharesAVX512(single, any(target).([]float32), sums, classes, float32(scale), float32(shift))
		return
	}
	for row := range sums {
		p, target, sum := p[row*classes:(row+1)*classes], target[row*classes:(row+1)*classes], 0.0
		for _, v := range p {
			sum += float64(v)
		}
		sums[row] = sum
		for k, v := range p {
			p[k] = F(F(float64(v)/sum)*scale) - F(target[k]*shift) // rounded one by one, on any machine
		}
	}
}

// logsOf overwrites numbers with their logarithms: those above zero that are not too small to be normal.
func logsOf(v *[64]float64) {
	if level == avx512 {
		logsAVX512(v[:])
		return
	}
	for i, x := range v {
		v[i] = math.Log(x)
	}
}

func inOneVector(classes int) bool { return 1 <= classes && classes <= 16 }
