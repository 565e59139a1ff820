package nets

import "sync"

// A pool keeps things that one goroutine at a time can work with, and makes another when all are taken.
type pool[T any] struct {
	build func() T
	mu    sync.Mutex
	free  []T
}

func (p *pool[T]) take() T {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		t := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return t
	}
	p.mu.Unlock()
	return p.build()
}

func (p *pool[T]) put(t T) {
	p.mu.Lock()
	p.free = append(p.free, t)
	p.mu.Unlock()
}
