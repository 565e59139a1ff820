package nets

import (
	"fmt"
	"math"
	"slices"
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
	loss, scale := crossEntropy(e, h, target, n), 1/F(n)
	for i, p := range e {
		e[i] = F(p*scale) - F(target[i]*scale) // rounded one by one, on any machine
	}
	return loss
}

// Softmax overwrites p, [N, classes], with the softmax of the net's outputs in t.
func (n *NetOf[F]) Softmax(p []F, t *TraceOf[F]) {
	crossEntropy(p, t.Out(len(n.blocks)-1), t.Target, t.N)
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
	crossEntropy(re, h, target, n)
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

// crossEntropy returns the mean loss and overwrites p with the softmax. It takes the largest output out of every exponential,
// so that no finite ones overflow; outputs that are not finite make the loss so.
func crossEntropy[F params.Float](p, h, target []F, n int) float64 {
	classes, loss := len(h)/n, 0.0
	for at := 0; at < len(h); at += classes {
		h, p, target := h[at:at+classes], p[at:at+classes], target[at:at+classes]
		top, below := slices.Max(h), 0.0
		for k, v := range h {
			p[k] = v - top
			below += float64(float64(target[k]) * (float64(top) - float64(v)))
		}
		loss += below
	}
	kernel.Decay(p, p) // what is below zero by as much
	for at := 0; at < len(p); at += classes {
		p, sum := p[at:at+classes], 0.0
		for _, v := range p {
			sum += float64(v)
		}
		loss += math.Log(sum)
		for k, v := range p {
			p[k] = F(float64(v) / sum)
		}
	}
	return loss / float64(n)
}
