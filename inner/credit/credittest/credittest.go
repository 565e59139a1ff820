// Package credittest holds the laws that every credit rule obeys, to be run by the tests of any package that has one:
//
//	func TestMine(t *testing.T) {
//		credittest.Run(t, &mine.RuleOf[float64]{}, credittest.Options{})
//		credittest.Run(t, &mine.RuleOf[float32]{}, credittest.Options{})
//	}
package credittest

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// Options are what is not the same for all rules.
type Options struct {
	// Silent says that hidden blocks never get anything; it must be exactly nothing.
	Silent bool
	// Late says that hidden blocks may get nothing at first; within a few steps all must.
	Late bool
	// Weak says that the rule, trained for a short while, need not do better than one that trains the last block alone.
	Weak bool
	// Signed names the settings, as in JSON, that may be negative.
	Signed []string

	Loss       nets.Loss       // that the rule works with; nets.CrossEntropy if empty
	Activation nets.Activation // of the hidden blocks; tanh if empty
	Rate       float64         // of the SGD that trains the net; 0.2 if zero
	OwnRate    float64         // of the SGD that trains the rule's own weights; Rate if zero
}

// Run checks every law, each a subtest. The rule has its defaults, or other settings that are in range.
func Run[F params.Float](t *testing.T, r credit.RuleOf[F], o Options) {
	t.Helper()
	if o.Loss == "" {
		o.Loss = nets.CrossEntropy
	}
	if o.Activation == "" {
		o.Activation = "tanh"
	}
	if o.Rate == 0 {
		o.Rate = 0.2
	}
	if o.OwnRate == 0 {
		o.OwnRate = o.Rate
	}
	l := laws[F]{rule: r, Options: o}
	for _, law := range []struct {
		name  string
		check func(*testing.T)
	}{
		{"settings survive JSON", l.json},
		{"settings out of range are errors", l.settings},
		{"signals of 1 block", func(t *testing.T) { l.signals(t, 1) }},
		{"signals of 2 blocks", func(t *testing.T) { l.signals(t, 2) }},
		{"signals of 4 blocks", func(t *testing.T) { l.signals(t, 4) }},
		{"same keys, same bits", l.deterministic},
		{"any number of goroutines, same bits", l.goroutines},
		{"loss and error rate are the net's", l.loss},
		{"not finite in, not finite out", l.notFinite},
		{"learns", l.learns},
	} {
		t.Run(law.name, law.check)
	}
}

type laws[F params.Float] struct {
	rule credit.RuleOf[F]
	Options
}

// net returns a net of so many blocks for a set, with hidden units in each but the last.
func (l laws[F]) net(t *testing.T, set *data.Set, blocks, hidden int) *nets.NetOf[F] {
	t.Helper()
	var layers []nets.Layer
	for range blocks - 1 {
		layers = append(layers, nets.Dense{Units: hidden}, l.Activation)
	}
	layers = append(layers, nets.Dense{Units: set.Classes})
	n, err := nets.New[F](nets.Shape{Channels: 1, Rows: set.Rows, Cols: set.Cols}, l.Loss, layers...)
	require.NoError(t, err)
	return n
}

// problem returns the rule's problem on a small net, and its start.
func (l laws[F]) problem(t *testing.T, r credit.RuleOf[F], blocks int) (*credit.ProblemOf[F], []F) {
	t.Helper()
	set := problemtest.Images(50, 4)
	return problem(t, credit.FamilyOf[F]{Net: l.net(t, set, blocks, 7), Rule: r, Data: set, Batch: 9})
}

func problem[F params.Float](t *testing.T, f credit.FamilyOf[F]) (*credit.ProblemOf[F], []F) {
	t.Helper()
	p, err := f.Problem()
	require.NoError(t, err)
	theta := make([]F, p.Params().Len())
	p.Init(theta, 1)
	return p, theta
}

// signals checks what passes between the rule and the problem, at the start and after each of a few steps.
func (l laws[F]) signals(t *testing.T, blocks int) {
	w := &witness[F]{RuleOf: l.rule, t: t}
	p, theta := l.problem(t, w, blocks)
	grad := make([]F, len(theta))
	const steps = 6
	moved := make([]bool, blocks-1)
	for step := range steps {
		for i := range grad {
			grad[i] = F(math.NaN()) // to be overwritten
		}
		_, err := p.Eval(grad, theta, uint64(step/repeats(w.to)))
		require.NoError(t, err)
		require.True(t, finite(grad), "step %d: the gradient, that of the rule's own weights included, is finite", step)
		for b := range blocks - 1 {
			moved[b] = moved[b] || w.moves(b)
			require.True(t, l.Late || w.moves(b) == !l.Silent, "step %d: block %d gets something, or is not to", step, b)
		}
		require.True(t, w.moves(blocks-1), "step %d: the last block gets something", step)
		l.move(theta[:p.Own()], grad, l.Rate)
		l.move(theta[p.Own():], grad[p.Own():], l.OwnRate)
	}
	for b, m := range moved {
		require.Equal(t, !l.Silent, m, "block %d got something", b)
	}
}

// move takes a step of SGD.
func (laws[F]) move(theta, grad []F, rate float64) {
	for i := range theta {
		theta[i] -= F(rate) * grad[i]
	}
}

// train takes steps of SGD on minibatches of its own. A rule's own weights get the head start that it asks for, counted in
// minibatches, and it sees each as often in a row as it asks for.
func (l laws[F]) train(t *testing.T, p *credit.ProblemOf[F], theta []F, steps, epoch int) {
	t.Helper()
	grad := make([]F, len(theta))
	step := func(key int) {
		_, err := p.Eval(grad, theta, rng.Split(7, uint64(key)))
		require.NoError(t, err)
		l.move(theta[p.Own():], grad[p.Own():], l.OwnRate)
	}
	head := pretrainEpochs(p) * epoch
	for i := range head {
		step(i)
	}
	for i := range steps {
		step(head + i/repeats(p))
		l.move(theta[:p.Own()], grad, l.Rate)
	}
}

// A gradient follows from the weights, the key of the start and that of the minibatch, and from nothing that was before.
func (l laws[F]) deterministic(t *testing.T) {
	p, theta := l.problem(t, l.rule, 4)
	l.train(t, p, theta, 2, 1)
	want := evaluate(t, p, theta, 3)
	evaluate(t, p, theta, 4)
	assert.True(t, slices.Equal(want, evaluate(t, p, theta, 3)), "the same instance again")
	q, start := l.problem(t, l.rule, 4)
	assert.True(t, slices.Equal(want, evaluate(t, q, theta, 3)), "another instance")
	again := make([]F, len(start))
	p.Init(again, 2)
	p.Init(again, 1)
	assert.True(t, slices.Equal(start, again), "the start, after another one")
	assert.True(t, slices.Equal(want, evaluate(t, p, theta, 3)), "after another start")
}

func evaluate[F params.Float](t *testing.T, p *credit.ProblemOf[F], theta []F, key uint64) []F {
	t.Helper()
	grad := make([]F, len(theta))
	_, err := p.Eval(grad, theta, key)
	require.NoError(t, err)
	return grad
}

// The net is wide enough for its products to be shared among goroutines.
func (l laws[F]) goroutines(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	set := problemtest.Images(200, 8)
	family := credit.FamilyOf[F]{Net: l.net(t, set, 4, 128), Rule: l.rule, Data: set, Batch: 96}
	var want []F
	for _, procs := range []int{1, 2, 3} {
		runtime.GOMAXPROCS(procs)
		p, theta := problem(t, family)
		got := evaluate(t, p, theta, 3)
		if want == nil {
			want = got
		}
		assert.True(t, slices.Equal(want, got), "%d goroutines", procs)
	}
}

// What the net says is its way forward and nothing else, whatever trains it.
func (l laws[F]) loss(t *testing.T) {
	p, theta := l.problem(t, l.rule, 4)
	q, same := l.problem(t, credit.BackpropOf[F]{}, 4)
	assert.True(t, slices.Equal(same, theta[:p.Own()]), "the start of the net's weights")
	l.train(t, p, theta, 3, 1)
	grad := make([]F, len(theta))
	got, err := p.Eval(grad, theta, 5)
	require.NoError(t, err)
	alone, err := p.Eval(nil, theta, 5)
	require.NoError(t, err)
	want, err := q.Eval(nil, theta[:p.Own()], 5)
	require.NoError(t, err)
	assert.Equal(t, []float64{want, want}, []float64{got, alone}, "the loss, with and without a gradient")

	set := problemtest.Images(30, 4) // not a multiple of the minibatch
	rate, err := p.ErrorRate(theta, set)
	require.NoError(t, err)
	should, err := q.ErrorRate(theta[:p.Own()], set)
	require.NoError(t, err)
	assert.Equal(t, should, rate, "the error rate")
}

func (l laws[F]) notFinite(t *testing.T) {
	p, start := l.problem(t, l.rule, 4)
	n := len(start)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, k := range []int{0, p.Own() - 1, n / 2, n - 1} {
			theta, grad := slices.Clone(start), make([]F, n)
			theta[k] = F(bad)
			loss, err := p.Eval(grad, theta, 2)
			require.NoError(t, err)
			assert.True(t, loss-loss != 0, "theta[%d] is %v, the loss %v", k, bad, loss)
			assert.False(t, finite(grad), "theta[%d] is %v, the gradient finite", k, bad)
		}
	}
	// Finite weights may be beyond what the arithmetic can carry: any result, but no panic and no error.
	for _, size := range []float64{1e10, 1e20, 1e38} {
		theta := make([]F, n)
		rng.Normal(theta, 3, 1)
		for i, v := range theta {
			theta[i] = F(math.Copysign(size, float64(v)))
		}
		evaluate(t, p, theta, 2)
	}
}

// learns trains on digits for a short while, side by side with a net of which only the last block is trained.
func (l laws[F]) learns(t *testing.T) {
	const steps, epoch = 300, 60
	family := credit.FamilyOf[F]{Net: l.net(t, digits(t), 3, 32), Rule: l.rule, Data: digits(t), Batch: 32}
	p, theta := problem(t, family)
	start := held(t, p, theta)
	l.train(t, p, theta, steps, epoch)
	end := held(t, p, theta)

	family.Rule = credit.NoneOf[F]{}
	q, floor := problem(t, family)
	l.train(t, q, floor, steps, epoch)
	none := held(t, q, floor)

	what := fmt.Sprintf("%.3f at the start, %.3f after %d steps; with the last block alone %.3f", start, end, steps, none)
	t.Log(what)
	assert.Less(t, end, 0.85*start, what)
	if !l.Weak {
		assert.Less(t, end, none, what)
	}
}

// held returns the mean loss over minibatches that training has not seen in this order.
func held[F params.Float](t *testing.T, p *credit.ProblemOf[F], theta []F) float64 {
	t.Helper()
	const batches = 30
	sum := 0.0
	for i := range uint64(batches) {
		loss, err := p.Eval(nil, theta, rng.Split(8, i))
		require.NoError(t, err)
		sum += loss
	}
	return sum / batches
}

func finite[F params.Float](v []F) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}
