package formula

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// MaxNodes is the size of the largest formula that has a genome.
const MaxNodes = 31

// Layout lays out a genome: a row for each node, its kind and its value.
func Layout() params.Layout { return params.Layout{{Name: "nodes", Shape: []int{MaxNodes, 2}}} }

// Encode writes a formula of at most MaxNodes nodes into a genome laid out by Layout: its nodes, each before its arguments, then
// zeros. All numbers are float32's, so that a genome goes through float32 as it is. A larger formula panics.
func Encode[F params.Float](dst []F, n *Node) {
	if size := n.Size(); size > MaxNodes || len(dst) != 2*MaxNodes {
		const want = "formula: a formula of %d nodes into a genome of %d numbers; want at most %d, and %d"
		panic(fmt.Sprintf(want, size, len(dst), MaxNodes, 2*MaxNodes))
	}
	clear(dst)
	for i, x := range n.All() {
		dst[2*i], dst[2*i+1] = F(x.Kind), F(x.Value)
	}
}

// Decode reads a genome. One that Encode has not written is an error, which names the node.
func Decode[F params.Float](genome []F) (*Node, error) {
	if len(genome) != 2*MaxNodes {
		return nil, fmt.Errorf("a formula's genome of %d numbers; want %d", len(genome), 2*MaxNodes)
	}
	d := decoder[F]{genome: genome}
	n, err := d.node()
	if err != nil {
		return nil, err
	}
	for ; d.at < MaxNodes; d.at++ {
		if genome[2*d.at] != 0 || genome[2*d.at+1] != 0 {
			return nil, fmt.Errorf("node %d of a formula's genome: more follows after the formula", d.at)
		}
	}
	return n, nil
}

// A decoder reads nodes from at on.
type decoder[F params.Float] struct {
	genome []F
	at     int
}

func (d *decoder[F]) node() (*Node, error) {
	if d.at == MaxNodes {
		return nil, fmt.Errorf("a formula's genome ends within the formula")
	}
	code, value := d.genome[2*d.at], d.genome[2*d.at+1]
	n, err := decoded(code, value)
	if err != nil {
		return nil, fmt.Errorf("node %d of a formula's genome: %w", d.at, err)
	}
	d.at++
	for range n.Kind.Arity() {
		a, err := d.node()
		if err != nil {
			return nil, err
		}
		n.Args = append(n.Args, a)
	}
	return n, nil
}

// decoded checks the two numbers of a node.
func decoded[F params.Float](code, value F) (*Node, error) {
	k := End
	if code >= 0 && code < 256 {
		k = Kind(code)
	}
	if F(k) != code || k.Name() == "" && k != Const {
		return nil, fmt.Errorf("no kind has the number %v", code)
	}
	v := float32(value)
	if F(v) != value || v-v != 0 || k != Const && value != 0 {
		return nil, fmt.Errorf("a value of %v; want a finite float32 for a number, and 0 for all else", value)
	}
	return &Node{Kind: k, Value: v}, nil
}
