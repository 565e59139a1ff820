package graph

import G "gorgonia.org/gorgonia"

// Reach returns the first of inputs that the outputs depend on, nil if there is none.
func Reach(outputs, inputs []*G.Node) *G.Node {
	on := make(map[*G.Node]bool)
	for _, n := range topological(outputs) {
		on[n] = true
	}
	for _, n := range inputs {
		if on[n] {
			return n
		}
	}
	return nil
}
