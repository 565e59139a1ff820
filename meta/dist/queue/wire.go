package queue

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/meta"
)

// A message is a kind, its fields with the low byte first, and the first bytes of the SHA-256 of all that. The last character of a kind
// is the version of the form.
const (
	kindTask   = "UNT1"
	kindResult = "UNR1"

	sumLen = 16
)

// Errors of reading a message. A hostile one gives an error too, and takes no more memory than its own length.
var (
	errMalformed = errors.New("queue: malformed message")
	errVersion   = errors.New("queue: a message of another version")
)

// A session is the random name of a learner's process.
type session [16]byte

// A place is which member of which round a message is about.
type place struct {
	Session session
	Round   uint64
	Member  uint32
	Attempt uint32 // how often the member was issued before
}

// A blob is bytes that are part of a message, or that are stored elsewhere: see store.
type blob struct {
	data   []byte
	stored *ref
}

// A ref names stored bytes.
type ref struct {
	Round uint64 // they are kept until the round after it is over
	Size  uint64
	Sum   [sha256.Size]byte
}

// The forms of a blob.
const (
	formNone = iota
	formInline
	formStored
)

// taskMessage is a dist.Task on its way.
type taskMessage struct {
	place
	key        uint64
	phi, state blob
}

// resultMessage is a dist.Result on its way, or the error in its place.
type resultMessage struct {
	place
	worker      uint64
	delivered   uint32 // how often the task had been handed out
	busy        uint64 // nanoseconds
	wrong       string // the error; empty if there is none
	absent      bool   // what is stored of the task could not be found
	estimate    meta.Estimate
	grad, state blob
}

// maxText is how long an error's text may be.
const maxText = 300

func (t taskMessage) encode() []byte {
	w := writer{b: []byte(kindTask)}
	w.place(t.place)
	w.u64(t.key)
	w.blob(t.phi)
	w.blob(t.state)
	return w.end()
}

func decodeTask(b []byte) (taskMessage, error) {
	r, err := open(b, kindTask)
	if err != nil {
		return taskMessage{}, err
	}
	t := taskMessage{place: r.place(), key: r.u64(), phi: r.blob(), state: r.blob()}
	return t, r.end()
}

func (m resultMessage) encode() []byte {
	w := writer{b: []byte(kindResult)}
	w.place(m.place)
	w.u64(m.worker)
	w.u32(m.delivered)
	w.u64(m.busy)
	w.bool(m.absent)
	w.bytes([]byte(m.wrong[:min(len(m.wrong), maxText)]))
	w.u64(math.Float64bits(m.estimate.Loss))
	w.u64(uint64(m.estimate.Steps))
	w.u64(uint64(m.estimate.Episodes))
	w.blob(m.grad)
	w.blob(m.state)
	return w.end()
}

func decodeResult(b []byte) (resultMessage, error) {
	r, err := open(b, kindResult)
	if err != nil {
		return resultMessage{}, err
	}
	m := resultMessage{place: r.place(), worker: r.u64(), delivered: r.u32(), busy: r.u64(), absent: r.bool()}
	m.wrong = string(r.bytes())
	m.estimate.Loss = math.Float64frombits(r.u64())
	m.estimate.Steps, m.estimate.Episodes = r.count(), r.count()
	m.grad, m.state = r.blob(), r.blob()
	if len(m.wrong) > maxText {
		return m, errMalformed
	}
	return m, r.end()
}

// A writer appends fields.
type writer struct{ b []byte }

func (w *writer) u32(x uint32) { w.b = binary.LittleEndian.AppendUint32(w.b, x) }
func (w *writer) u64(x uint64) { w.b = binary.LittleEndian.AppendUint64(w.b, x) }

func (w *writer) bool(x bool) {
	if x {
		w.b = append(w.b, 1)
		return
	}
	w.b = append(w.b, 0)
}

func (w *writer) bytes(x []byte) {
	w.u32(uint32(len(x)))
	w.b = append(w.b, x...)
}

func (w *writer) place(p place) {
	w.b = append(w.b, p.Session[:]...)
	w.u64(p.Round)
	w.u32(p.Member)
	w.u32(p.Attempt)
}

func (w *writer) blob(x blob) {
	switch {
	case x.stored != nil:
		w.b = append(w.b, formStored)
		w.u64(x.stored.Round)
		w.u64(x.stored.Size)
		w.b = append(w.b, x.stored.Sum[:]...)
	case len(x.data) > 0:
		w.b = append(w.b, formInline)
		w.bytes(x.data)
	default:
		w.b = append(w.b, formNone)
	}
}

func (w *writer) end() []byte {
	sum := sha256.Sum256(w.b)
	return append(w.b, sum[:sumLen]...)
}

// A reader takes fields off, until one is missing.
type reader struct {
	b   []byte
	err error
}

// open checks kind and sum.
func open(b []byte, kind string) (*reader, error) {
	if len(b) < len(kind)+sumLen || string(b[:len(kind)-1]) != kind[:len(kind)-1] {
		return nil, errMalformed
	}
	if string(b[:len(kind)]) != kind {
		return nil, errVersion
	}
	body := b[:len(b)-sumLen]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:sumLen], b[len(body):]) {
		return nil, errMalformed
	}
	return &reader{b: body[len(kind):]}, nil
}

func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.b)) {
		r.err = errMalformed
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count returns a number of things, which is not below zero and far from overflowing.
func (r *reader) count() int {
	const most = 1 << 30
	n := r.u64()
	if n > most {
		r.err = errMalformed
		return 0
	}
	return int(n)
}

func (r *reader) bool() bool {
	b := r.take(1)
	if b == nil || b[0] > 1 {
		r.err = errMalformed
		return false
	}
	return b[0] == 1
}

func (r *reader) bytes() []byte { return r.take(uint64(r.u32())) }

func (r *reader) place() (p place) {
	copy(p.Session[:], r.take(uint64(len(p.Session))))
	p.Round, p.Member, p.Attempt = r.u64(), r.u32(), r.u32()
	return p
}

func (r *reader) blob() (x blob) {
	form := r.take(1)
	if form == nil {
		return x
	}
	switch form[0] {
	case formNone:
	case formInline:
		if x.data = r.bytes(); len(x.data) == 0 { // there is one way to write nothing
			r.err = errMalformed
		}
	case formStored:
		x.stored = &ref{Round: r.u64(), Size: r.u64()}
		copy(x.stored.Sum[:], r.take(sha256.Size))
	default:
		r.err = errMalformed
	}
	return x
}

// end reports what was missing, or left over.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = errMalformed
	}
	return r.err
}

// floats returns numbers as bytes.
func floats(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// parseFloats is the way back; nil of nothing.
func parseFloats(b []byte) ([]float32, error) {
	if len(b)%4 != 0 {
		return nil, fmt.Errorf("%w: %d bytes are no numbers", errMalformed, len(b))
	}
	if len(b) == 0 {
		return nil, nil
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v, nil
}
