package queue

import "github.com/nats-io/nats.go"

// What tests send in the place of learners and workers.
type (
	Place         = place
	Blob          = blob
	Ref           = ref
	TaskMessage   = taskMessage
	ResultMessage = resultMessage
	Alive         = alive
	Welcome       = welcome
)

var (
	DecodeTask   = decodeTask
	DecodeResult = decodeResult
	ErrVersion   = errVersion
	ErrMalformed = errMalformed
)

// NewTask returns a task of inline blobs.
func NewTask(p Place, key uint64, phi, state []byte) TaskMessage {
	return taskMessage{place: p, key: key, phi: blob{data: phi}, state: blob{data: state}}
}

// Encode is encode.
func (t taskMessage) Encode() []byte { return t.encode() }

// Encode is encode.
func (m resultMessage) Encode() []byte { return m.encode() }

// With returns a message with other contents.
func (m resultMessage) With(loss float64, grad []float32, state []byte) ResultMessage {
	m.estimate.Loss, m.grad, m.state = loss, blob{data: floats(grad)}, blob{data: state}
	return m
}

// Storing returns a message that refers to stored bytes.
func (m resultMessage) Storing(r Ref) ResultMessage {
	m.state = blob{stored: &r}
	return m
}

// Where returns what a message is about.
func (t taskMessage) Where() Place { return t.place }

// About returns a message about a place.
func (m resultMessage) About(p Place) ResultMessage {
	m.place = p
	return m
}

// Wrongly returns a message of an error.
func (m resultMessage) Wrongly(text string, absent bool) ResultMessage {
	m.wrong, m.absent = text, absent
	return m
}

// Subjects returns all subjects of a run.
func Subjects() []string {
	n := namesOf(usualRun)
	return []string{n.work, n.result, n.hello, n.alive, n.end, n.record, n.blobs + ".1.ab.0"}
}

// Session returns the learner's.
func (l *Learner) Session() [16]byte { return l.session }

// Dial connects to a server as nobody in particular.
func (c Connection) Dial() (*nats.Conn, error) {
	l, err := c.dial("a test", func(string) {})
	if err != nil {
		return nil, err
	}
	return l.Conn, nil
}
