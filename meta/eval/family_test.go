package eval

import (
	"context"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bowl is the family of f(θ) = ½·a·(θ−c)², with a start drawn from N(0, 1), and a c, the same for both weights, drawn
// for each minibatch from N(0, noise²). Gradient descent multiplies the distance to the minimum by 1 − LR·a: without
// noise the best learning rate is the one nearest to 1/a, and above 2/a a run diverges.
type bowl struct {
	a, noise float64
	*log             // of what was asked of the family; nil for none
	after    func()  // called after each Eval; may be nil
	fail     failure // errors to return
}

type failure struct{ sample, eval error }

// A log notes keys and first losses. The runs of Measure are on several goroutines.
type log struct {
	sync.Mutex
	problems, starts, batches map[uint64]bool
	evals                     int
}

func newLog() *log {
	return &log{problems: map[uint64]bool{}, starts: map[uint64]bool{}, batches: map[uint64]bool{}}
}

func (l *log) note(set func(*log) map[uint64]bool, key uint64) {
	if l != nil {
		l.Lock()
		defer l.Unlock()
		set(l)[key] = true
	}
}

func (b bowl) Sample(key uint64) (inner.Problem, error) {
	b.note(func(l *log) map[uint64]bool { return l.problems }, key)
	return b, b.fail.sample
}

func (bowl) Params() params.Layout { return params.Layout{{Name: "theta", Shape: []int{2}}} }

func (b bowl) Init(theta []float32, key uint64) {
	b.note(func(l *log) map[uint64]bool { return l.starts }, key)
	rng.Normal(theta, key, 1)
}

func (b bowl) Eval(grad, theta []float32, key uint64) (float64, error) {
	b.note(func(l *log) map[uint64]bool {
		l.evals++
		return l.batches
	}, key)
	if b.after != nil {
		defer b.after()
	}
	c := b.noise * rng.New(key).NormFloat64()
	loss := 0.0
	for i, x := range theta {
		d := float64(x) - c
		loss += b.a * d * d / 2
		grad[i] = float32(b.a * d)
	}
	return loss, b.fail.eval
}

func untrained(r learnedopt.Rule) *learnedopt.Trained {
	return &learnedopt.Trained{Rule: r, Phi: learnedopt.Phi(r, 0)}
}

func baseline(name string) Baseline {
	b, err := FindBaseline(name)
	if err != nil {
		panic(err)
	}
	return b
}

// cancelAfter returns a context that the n-th call of its function ends.
func cancelAfter(n int) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	return ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if n--; n == 0 {
			cancel()
		}
	}
}

func numbers(v ...float64) []meta.Number {
	n := make([]meta.Number, len(v))
	for i, x := range v {
		n[i] = meta.Number(x)
	}
	return n
}
