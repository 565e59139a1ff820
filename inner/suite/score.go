package suite

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// crossEntropy returns the mean of −log softmax(h)[label] over rows of h, one for each label, and overwrites e with its derivative.
func crossEntropy[F params.Float](e, h []F, labels []byte) float64 {
	classes, share, loss := len(h)/len(labels), 1/F(len(labels)), 0.0
	for row, label := range labels {
		h, e := h[row*classes:(row+1)*classes], e[row*classes:(row+1)*classes]
		given := h[label]
		top, sum := kernel.Softmax(e, h, 1, share)
		loss += math.Log(sum) + float64(top-given)
		e[label] -= share
	}
	return loss / float64(len(labels))
}

// squaredError returns the mean of (h − y)² and overwrites e with its derivative.
func squaredError[F params.Float](e, h, y []F) float64 {
	sum, scale := 0.0, 2/F(len(h))
	for i, v := range h {
		d := v - y[i]
		e[i] = scale * d
		sum += float64(d) * float64(d)
	}
	return sum / float64(len(h))
}
