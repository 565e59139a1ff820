package synthetic

import (
	"cmp"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// TeacherOf is a network that learns to answer as another one does, its teacher, whose weights are drawn by the problem's key: inputs
// are from N(0, 1), new for each minibatch, and the class of each is the teacher's largest output. The teacher is of tanh, with weights
// from N(0, 2/fan-in), so that it is not linear where its inputs are. Weights are w0 [inputs, units], b0 [units], w1 and so on.
type TeacherOf[F params.Float] struct {
	Student
	Inputs  int   // 16 if zero
	Classes int   // 4 if zero; at most 256
	Teacher []int // units of the teacher's hidden layers; [16] if empty
}

// Teacher is TeacherOf in use.
type Teacher = TeacherOf[float32]

var _ inner.Family = Teacher{}

// Sample returns the problem named by key. Fields out of their ranges are errors.
func (f TeacherOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	inputs, classes, batch := cmp.Or(f.Inputs, 16), cmp.Or(f.Classes, 4), cmp.Or(f.Batch, 64)
	if err := checkClasses("Teacher", inputs, classes, batch); err != nil {
		return nil, err
	}
	if len(f.Teacher) == 0 {
		f.Teacher = []int{16}
	}
	net, err := dense[F](inputs, f.Teacher, "tanh", classes)
	if err != nil {
		return nil, err
	}
	t := &teacher[F]{net: net, phi: make([]F, net.Params().Len()), trace: net.NewTrace(batch), draws: rng.New(0)}
	for l := range net.Blocks() {
		t.room += 2 * batch * net.Output(l).Size()
	}
	net.Start(t.phi, nets.He, key)
	student, err := build[F](f.Student, inputs, classes, t)
	if err != nil {
		return nil, err
	}
	return newProblem(student), nil
}

// checkClasses reports sizes out of their ranges.
func checkClasses(family string, inputs, classes, batch int) error {
	if classes > 256 {
		return fmt.Errorf("synthetic: %s: %d Classes; want 2 to 256", family, classes)
	}
	return check(family, size{"Inputs", inputs}, size{"Classes", classes}, size{"a Batch", batch})
}

type teacher[F params.Float] struct {
	net   *nets.NetOf[F]
	phi   []F
	trace *nets.TraceOf[F]
	draws *rng.Stream
	room  int
}

func (t *teacher[F]) numbers() int { return t.room + len(t.phi) + len(t.trace.In(0)) }

func (t *teacher[F]) fill(x []F, labels []byte, key uint64) {
	in := t.trace.In(0)
	t.draws.Reset(key)
	normal(in, t.draws)
	copy(x, in)
	t.net.Forward(t.trace, t.phi)
	out := t.trace.Out(t.net.Blocks() - 1)
	classes := len(out) / len(labels)
	for row := range labels {
		labels[row] = byte(largest(out[row*classes : (row+1)*classes]))
	}
}

// largest returns the index of the first of the largest elements.
func largest[F params.Float](v []F) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

// normal overwrites v with draws from N(0, 1).
func normal[F params.Float](v []F, s *rng.Stream) {
	for i := range v {
		v[i] = F(s.NormFloat64())
	}
}
