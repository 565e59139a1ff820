package suite

import (
	"math"
	"slices"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// crossEntropy returns the mean of −log softmax(h)[label] over rows of h, one for each label, and overwrites e with its derivative.
func crossEntropy[F params.Float](e, h []F, labels []byte) float64 {
	classes, loss := len(h)/len(labels), 0.0
	for row, label := range labels {
		h, e := h[row*classes:(row+1)*classes], e[row*classes:(row+1)*classes]
		top := slices.Max(h)
		for k, v := range h {
			e[k] = v - top
		}
		loss -= float64(e[label])
	}
	e = e[:len(h)]
	kernel.Decay(e, e) // what is below zero by as much
	for row, label := range labels {
		e, sum := e[row*classes:(row+1)*classes], 0.0
		for _, v := range e {
			sum += float64(v)
		}
		loss += math.Log(sum)
		scale := F(1 / (sum * float64(len(labels))))
		for k := range e {
			e[k] *= scale
		}
		e[label] -= F(1 / float64(len(labels)))
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
