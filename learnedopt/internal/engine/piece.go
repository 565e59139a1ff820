package engine

import (
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// The most coordinates of a rule of scope Coordinates that run as one graph.
const (
	// blockLen is small enough for an LSTM's gates to stay in an L2 cache, large enough for the work of an operation to hide
	// the cost of calling it.
	blockLen = 256
	// lightBlockLen is for lowered rules of less state, whose operations take that much less time each.
	lightBlockLen = 1 << 12
	// blockState is the most numbers of state that a block of more than blockLen coordinates has.
	blockState = 1 << 14
)

// blockOf returns the most coordinates of a bound rule that run as one graph.
func blockOf(spec rule.Spec, lowered bool) int {
	if !lowered {
		return blockLen
	}
	state := 1
	for _, r := range spec.State.PerCoordinate {
		state += r.Len()
	}
	return min(max(blockLen, blockState/state), lightBlockLen)
}

// A piece is what one run of a graph works on: a block of coordinates, a tensor, or all tensors of a run, by the rule's
// scope.
type piece struct {
	kind  int     // which graph
	run   int     // whose loss and shared state
	spans []Block // of each tensor of the graph, in the vector of all coordinates
	owned []int   // where in the state what each tensor owns begins; nil if tensors own nothing
	first bool    // of those that see one shared state: this one gives its next value
}

// Len returns the number of coordinates.
func (p piece) Len() int {
	n := 0
	for _, s := range p.spans {
		n += s.Len()
	}
	return n
}

// cut returns the tensors that each kind of graph sees, and the pieces that all runs consist of.
func cut(spec rule.Spec, b rule.Binding, l rule.StateLayout, lowered bool) (kinds []params.Layout, pieces []piece) {
	switch spec.Scope {
	case rule.Whole:
		return cutWhole(b, l)
	case rule.Tensor:
		return cutTensors(b, l)
	}
	return cutBlocks(spec, b, blockOf(spec, lowered))
}

// cutBlocks makes blocks of equal width, at most that of block, the last but for some zeros. Where losses are read a block keeps to one run.
func cutBlocks(spec rule.Spec, b rule.Binding, block int) (kinds []params.Layout, pieces []piece) {
	n, stretches := b.Coordinates(), 1
	if spec.Reads&rule.Loss != 0 {
		n, stretches = b.Run(), b.Copies
	}
	count := (n + block - 1) / block
	width := max(2, (n+count-1)/count) // Gorgonia takes a vector of one element for a scalar
	for r := range stretches {
		for _, block := range Blocks(n, width) {
			block.From, block.To = block.From+r*n, block.To+r*n
			pieces = append(pieces, piece{run: r, spans: []Block{block}, first: len(pieces) == 0})
		}
	}
	return []params.Layout{{{Name: "block", Shape: []int{width}}}}, pieces
}

func cutTensors(b rule.Binding, l rule.StateLayout) (kinds []params.Layout, pieces []piece) {
	for _, s := range b.Theta {
		kinds = append(kinds, params.Layout{s})
	}
	at := 0
	for r := range b.Copies {
		for k, s := range b.Theta {
			p := piece{kind: k, run: r, spans: []Block{{at, at + s.Len()}}, first: len(pieces) == 0}
			if l.Tensor != nil {
				p.owned = []int{l.Tensor[r][k]}
			}
			pieces = append(pieces, p)
			at += s.Len()
		}
	}
	return kinds, pieces
}

func cutWhole(b rule.Binding, l rule.StateLayout) (kinds []params.Layout, pieces []piece) {
	at := 0
	for r := range b.Copies {
		p := piece{run: r, first: true}
		for _, s := range b.Theta {
			p.spans = append(p.spans, Block{at, at + s.Len()})
			at += s.Len()
		}
		if l.Tensor != nil {
			p.owned = l.Tensor[r]
		}
		pieces = append(pieces, p)
	}
	return []params.Layout{b.Theta}, pieces
}
