package suite

import (
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A batch is the images that a network works on, as rows of x.
type batch[F params.Float] struct {
	trainSet, testSet *data.Set
	size              int // images in a minibatch, and at most in a part of a test
	n                 int // images in x
	x                 []F
	labels            []byte
	draws             *rng.Stream
}

func newBatch[F params.Float](train, test *data.Set, size int) batch[F] {
	return batch[F]{
		trainSet: train, testSet: test, size: size,
		x: make([]F, size*train.Pixels()), labels: make([]byte, size), draws: rng.New(0),
	}
}

// draw takes images of the training set, with replacement.
func (b *batch[F]) draw(key uint64) {
	b.n = b.size
	b.draws.Reset(key)
	for row := range b.n {
		b.put(row, b.trainSet, b.draws.IntN(b.trainSet.Len()))
	}
}

// test takes the i-th part of the test set, in order.
func (b *batch[F]) test(i int) int {
	first := i * b.size
	b.n = max(0, min(b.size, b.testSet.Len()-first))
	for row := range b.n {
		b.put(row, b.testSet, first+row)
	}
	return b.n
}

func (b *batch[F]) put(row int, set *data.Set, i int) {
	pixels := set.Pixels()
	kernel.Pixels(b.x[row*pixels:(row+1)*pixels], set.Image(i))
	b.labels[row] = set.Labels[i]
}
