package graph

import "sync"

var building sync.Mutex

// Exclusive calls f while nothing else is in a call of Exclusive. Whatever builds a graph, by Gorgonia's functions or by
// VJP, does it in here: Gorgonia's derivatives use constant nodes that all graphs share, and note their hash in them when
// first asked. Running a Program needs no such care.
func Exclusive(f func() error) error {
	building.Lock()
	defer building.Unlock()
	return f()
}
