package main

// A fifo hands out what was put in first.
type fifo[T any] struct {
	items []T
	head  int
}

func (f *fifo[T]) push(x T) {
	if f.head > len(f.items)/2 && f.head > 64 { // the front half is used up
		f.items = f.items[:copy(f.items, f.items[f.head:])]
		f.head = 0
	}
	f.items = append(f.items, x)
}

func (f *fifo[T]) empty() bool { return f.head == len(f.items) }

// first and pop need one that is not empty.
func (f *fifo[T]) first() T { return f.items[f.head] }

func (f *fifo[T]) pop() T {
	f.head++
	return f.items[f.head-1]
}

func (f *fifo[T]) clear() { f.items, f.head = f.items[:0], 0 }
