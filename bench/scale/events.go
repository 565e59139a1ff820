package main

import "time"

// An event is something that happens to a worker, or to all. Which of the other fields count is its kind's business.
type event struct {
	at      time.Duration
	seq     uint64 // of two at the same time, that which was planned first goes first
	kind    kind
	worker  int32
	life    int32 // the worker's life that is meant: an event of a former one does not happen
	attempt int32
}

type kind uint8

const (
	arrives  kind = iota // a task arrives at its worker
	computed             // a worker has computed its member
	received             // the learner's link has a result whole
	handled              // the server has handled a result
	told                 // a worker hears that its member is done
	dies                 // a worker dies
	returns              // another takes its place
	expires              // what a dead worker held is delivered again
	learned              // the learner is through with an outer step
)

// An agenda is a heap of events, the next on top.
type agenda struct {
	heap []event
	seq  uint64
}

func before(a, b event) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

func (a *agenda) plan(e event) {
	e.seq = a.seq
	a.seq++
	a.heap = append(a.heap, e)
	for i := len(a.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !before(a.heap[i], a.heap[up]) {
			return
		}
		a.heap[i], a.heap[up] = a.heap[up], a.heap[i]
		i = up
	}
}

// next takes the first event off; there must be one.
func (a *agenda) next() event {
	top, last := a.heap[0], len(a.heap)-1
	a.heap[0] = a.heap[last]
	a.heap = a.heap[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && before(a.heap[child+1], a.heap[child]) {
			child++
		}
		if !before(a.heap[child], a.heap[i]) {
			return top
		}
		a.heap[i], a.heap[child] = a.heap[child], a.heap[i]
		i = child
	}
}
