// Package queue has the members of an outer step evaluated by workers in other processes, over NATS JetStream: package dist tells of
// tasks, of what travels and of faults.
//
// [NewServer] is the server within the learner's process; one that exists will do too. [NewLearner] is a dist.Pool, and [Work] is what a
// worker does. Nothing here opens a socket before one of them is called.
package queue
