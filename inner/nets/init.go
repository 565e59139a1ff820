package nets

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/seed1498fded/unroll/internal/rng"
)

// Init says how the start of a net's weights w and biases b is drawn. The normal distributions of w have a variance that
// depends on the fan-in, how many inputs an element of the pre-activation sees, and the fan-out, how many elements see an
// input, of the block. "normal" and a standard deviation, as in "normal0.5", is an Init too.
type Init string

// The inits by name.
const (
	LeCun  Init = "lecun"     // w ~ N(0, 1/fan-in), b = 0; LeCun et al. 1998, section 4.6
	He     Init = "he"        // w ~ N(0, 2/fan-in), b = 0; He et al. 2015, also Kaiming's
	Glorot Init = "glorot"    // w ~ N(0, 2/(fan-in + fan-out)), b = 0; Glorot and Bengio 2010, also Xavier's
	Normal Init = "normal0.1" // w, b ~ N(0, 0.1²), as in Andrychowicz et al. 2016
)

// Inits returns the names of all inits.
func Inits() []string { return []string{string(LeCun), string(He), string(Glorot), string(Normal)} }

// Validate returns an error unless there is such an init. The empty one is not.
func (i Init) Validate() error {
	if i == LeCun || i == He || i == Glorot {
		return nil
	}
	if std, ok := i.normal(); !ok || !(std > 0) || math.IsInf(std, 1) {
		return fmt.Errorf("nets: no init %q; there are %s, and normal with any other standard deviation above 0",
			string(i), strings.Join(Inits(), ", "))
	}
	return nil
}

// normal returns the standard deviation of a normal init.
func (i Init) normal() (std float64, ok bool) {
	digits, ok := strings.CutPrefix(string(i), "normal")
	std, err := strconv.ParseFloat(digits, 64)
	return std, ok && err == nil
}

// gain returns the variance of w times the fan-in, for an init that is not normal.
func (i Init) gain(fanIn, fanOut int) float64 {
	switch i {
	case He:
		return 2
	case Glorot:
		return 2 * float64(fanIn) / float64(fanIn+fanOut)
	}
	return 1
}

// Init overwrites theta with LeCun's start, each block's from a child of key.
func (n *NetOf[F]) Init(theta []F, key uint64) { n.drawBlocks(theta, LeCun, key) }

// Start overwrites theta with the start of a problem, as init says; see Init.Validate. All numbers of a normal one are one
// stream, that of key; for the others the blocks have children of key's first child. Any other child is free for what else a
// problem draws.
func (n *NetOf[F]) Start(theta []F, init Init, key uint64) {
	if std, ok := init.normal(); ok {
		rng.Normal(theta, key, std)
		return
	}
	n.drawBlocks(theta, init, rng.Split(key, 0))
}

func (n *NetOf[F]) drawBlocks(theta []F, init Init, key uint64) {
	for l := range n.blocks {
		w, b := n.Weights(theta, l)
		in, out := n.blocks[l].affine.fans()
		rng.Normal(w, rng.Split(key, uint64(l)), math.Sqrt(init.gain(in, out))/math.Sqrt(float64(in)))
		clear(b)
	}
}
