package nets

import (
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// Loss says what the outputs are compared with, and how.
type Loss string

// The losses, means over the batch: −log softmax(h)[label], and ½|h − onehot(label)|².
const (
	CrossEntropy Loss = "cross-entropy"
	SquaredError Loss = "squared-error"
)

// Losses returns the names of all losses.
func Losses() []string { return []string{string(CrossEntropy), string(SquaredError)} }

func (l Loss) validate() error {
	if l != CrossEntropy && l != SquaredError {
		return fmt.Errorf("no loss %q; there are %s", string(l), strings.Join(Losses(), ", "))
	}
	return nil
}

// score returns the mean loss of n rows of outputs and overwrites e with its derivative; target is one-hot.
func score[F params.Float](l Loss, e, h, target []F, n int) float64 {
	if l == SquaredError {
		sum := 0.0
		for i, v := range h {
			d := v - target[i]
			e[i] = d / F(n)
			sum += float64(d) * float64(d)
		}
		return sum / 2 / float64(n)
	}
	scale := 1 / F(n)
	return kernel.CrossEntropy(e, h, target, n, scale, scale) / float64(n)
}

// Softmax overwrites p, [N, classes], with the softmax of the net's outputs in t.
func (n *NetOf[F]) Softmax(p []F, t *TraceOf[F]) {
	softmax(p, t.Out(len(n.blocks)-1), t.Target, t.N)
}

// scoreR overwrites re with R of the e that score gives, for rh that of the outputs. In cross-entropy e is (p − target)/n with p
// the softmax, and so
//
//	Re = p∘(Rh − Σ p∘Rh)/n
func scoreR[F params.Float](l Loss, re, rh, h, target []F, n int) {
	if l == SquaredError {
		for i, v := range rh {
			re[i] = v / F(n)
		}
		return
	}
	softmax(re, h, target, n)
	classes := len(h) / n
	for at := 0; at < len(h); at += classes {
		p, rh := re[at:at+classes], rh[at:at+classes]
		var mean F
		for k, v := range rh {
			mean += p[k] * v
		}
		for k, v := range rh {
			p[k] *= (v - mean) / F(n)
		}
	}
}

// softmax overwrites p with the softmax of n rows of outputs.
func softmax[F params.Float](p, h, target []F, n int) { kernel.CrossEntropy(p, h, target, n, 1, 0) }
