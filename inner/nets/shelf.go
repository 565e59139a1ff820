package nets

import "sync"

// A shelf keeps things that one goroutine at a time can work with, and makes another when all are taken.
type shelf[T any] struct {
	build func() T
	mu    sync.Mutex
	free  []T
}

func (s *shelf[T]) take() T {
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		t := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		return t
	}
	s.mu.Unlock()
	return s.build()
}

func (s *shelf[T]) put(t T) {
	s.mu.Lock()
	s.free = append(s.free, t)
	s.mu.Unlock()
}
