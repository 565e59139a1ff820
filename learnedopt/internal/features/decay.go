package features

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
)

// Decays writes the decays β of running averages, or those that are learned as offsets φ of what they start from,
//
//	β = 1 − e^(10·(log(1−β₀)/10 + φ)) = 1 − (1−β₀)·e^(10φ)
//
// A nil phi is the decays as they are. Where clip is set, a β that would leave [0, 1] stays at its end.
func Decays(b *graph.Builder, like, phi *G.Node, clip bool, from ...float64) []*G.Node {
	decays := make([]*G.Node, len(from))
	for i, beta := range from {
		if phi == nil {
			decays[i] = b.Const(like, beta)
			continue
		}
		x := b.Scale(10, Element(b, phi, i))
		if clip { // 1−β is above 0 anyway
			least := math.Log(1 - beta)
			x = b.Shift(-least, b.Neg(b.Relu(b.Neg(b.Shift(least, x)))))
		}
		decays[i] = b.Shift(1, b.Scale(beta-1, b.Exp(x)))
	}
	return decays
}

// Names returns the names of n states: m0, m1, ...
func Names(name string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%d", name, i)
	}
	return list
}
