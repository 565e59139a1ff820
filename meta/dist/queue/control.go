package queue

import (
	"encoding/json"
	"errors"
)

// What a worker and its learner tell each other beside tasks and results, as JSON.

// hello is what a worker asks the learner with.
type hello struct {
	Program string `json:"program"` // what it was built from
	Kernels string `json:"kernels"` // such as "amd64 avx512"
}

// welcome is the answer: either the run's settings, or why the worker cannot help.
type welcome struct {
	Session  session         `json:"session"`
	Settings json.RawMessage `json:"settings,omitempty"`
	Refused  string          `json:"refused,omitempty"`
}

// alive is a heartbeat.
type alive struct {
	Session    session `json:"session"`
	Worker     uint64  `json:"worker"`
	Kernels    string  `json:"kernels,omitempty"`
	Goroutines int     `json:"goroutines"`
	Busy       int     `json:"busy"` // goroutines that have a task
	Idle       float64 `json:"idle"` // the part of the last second in which goroutines waited, from 0 to 1
	Junk       int     `json:"junk"` // messages among the tasks that are none, so far
	Bye        bool    `json:"bye,omitempty"`
}

// record is the last word of a learner, for workers that were away.
type record struct {
	Session session `json:"session"`
	Ended   bool    `json:"ended"`
}

// maxControl is how long such a message may be. Settings are of many flags of bounded length.
const maxControl = 256 << 10

// parse reads one.
func parse(data []byte, to any) error {
	if len(data) > maxControl {
		return errMalformed
	}
	return errors.Join(json.Unmarshal(data, to))
}

// The learner's answers to a result.
const (
	answerTaken   = "taken"
	answerLate    = "late"    // nobody needs it: it is of an earlier round, or the second of its member
	answerForeign = "foreign" // of another session
	answerRefused = "refused" // malformed, or none that the task can have
)
