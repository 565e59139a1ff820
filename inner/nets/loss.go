package nets

import (
	"fmt"
	"math"
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
	return crossEntropy(e, h, target, n)
}

// scoreR overwrites re with R of the e that score gave, for rh that of the outputs. In cross-entropy e is (p − target)/n with p
// the softmax, and so
//
//	Re = p∘(Rh − Σ p∘Rh)/n
func scoreR[F params.Float](l Loss, re, rh, e, target []F, n int) {
	if l == SquaredError {
		for i, v := range rh {
			re[i] = v / F(n)
		}
		return
	}
	classes := len(rh) / n
	for at := 0; at < len(rh); at += classes {
		e, target, rh, re := e[at:at+classes], target[at:at+classes], rh[at:at+classes], re[at:at+classes]
		var mean F
		for k, v := range rh {
			re[k] = F(n)*e[k] + target[k]
			mean += re[k] * v
		}
		for k, v := range rh {
			re[k] *= (v - mean) / F(n)
		}
	}
}

// crossEntropy takes the largest output out of every exponential, so that no finite ones overflow; outputs that are not
// finite make the loss so.
func crossEntropy[F params.Float](e, h, target []F, n int) float64 {
	classes, loss := len(h)/n, 0.0
	for row := range n {
		at := row * classes
		top := h[at]
		for _, v := range h[at : at+classes] {
			top = max(top, v)
		}
		for k, v := range h[at : at+classes] {
			e[at+k] = v - top
			loss += float64(float64(target[at+k]) * (float64(top) - float64(v)))
		}
	}
	kernel.Decay(e, e) // what is below zero by as much
	scale := 1 / F(n)
	for row := range n {
		e, target := e[row*classes:(row+1)*classes], target[row*classes:(row+1)*classes]
		sum := 0.0
		for _, v := range e {
			sum += float64(v)
		}
		loss += math.Log(sum)
		for k, v := range e {
			e[k] = F(F(float64(v)/sum)*scale) - F(target[k]*scale) // rounded one by one: never fused
		}
	}
	return loss / float64(n)
}
