package main

import "fmt"

// Traffic is what an outer step sends over the learner's link, in bytes, and through the server, in messages.
type Traffic struct {
	Task   int64 // bytes with every delivery of a member: its key, and its state where that travels
	Phi    int64 // bytes to a worker before its first member of an outer step
	Result int64 // bytes back from every member: a gradient or losses, and its state where that travels

	// Messages that the server handles for each of these.
	TaskMessages, PhiMessages, ResultMessages int
}

func (t Traffic) check() error {
	for _, f := range []struct {
		name string
		n    int64
	}{
		{"bytes of a task", t.Task}, {"bytes of phi", t.Phi}, {"bytes of a result", t.Result},
		{"messages of a task", int64(t.TaskMessages)}, {"messages of phi", int64(t.PhiMessages)},
		{"messages of a result", int64(t.ResultMessages)},
	} {
		if f.n < 0 || f.n > 1<<36 {
			return fmt.Errorf("%s: %d; want 0 to 2^36", f.name, f.n)
		}
	}
	return nil
}
