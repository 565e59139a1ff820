package eval

import (
	"context"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// small is a net of two hidden layers on made-up images.
func small(t *testing.T, images, batch int, rule credit.Rule) credit.Family {
	t.Helper()
	set := problemtest.Images(images, 4)
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.CrossEntropy,
		nets.Dense{Units: 8}, nets.Activation("tanh"), nets.Dense{Units: 7}, nets.Activation("tanh"), nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	return credit.Family{Net: net, Rule: rule, Data: set, Batch: batch}
}

func adam() *learnedopt.Trained { return untrained(&handmade.Adam{LR: 0.01}) }

// A training is a single run by epochs.
type training struct {
	Family    credit.Family
	Test      *data.Set // the training images if nil
	Optimizer *learnedopt.Trained
	Epochs    int
	Key       uint64
	Tell      func()
}

func (r training) runs() Runs {
	return Runs{Family: Images{Family: r.Family, Test: r.Test}, Epochs: r.Epochs, Count: 1, Key: r.Key}
}

func (r training) run(ctx context.Context) (*Run, error) {
	if r.Tell == nil {
		r.Tell = func() {}
	}
	runs, err := r.runs().measure(ctx, r.Optimizer, hooks{batch: r.Tell})
	if err != nil {
		return nil, err
	}
	return runs[0], nil
}

func train(t *testing.T, r training) *Run {
	t.Helper()
	if r.Test == nil {
		r.Test = r.Family.Data
	}
	h, err := r.run(t.Context())
	require.NoError(t, err)
	require.Equal(t, r.Key, h.Seed)
	require.Len(t, h.Loss, r.Epochs)
	require.Len(t, h.TestError, r.Epochs)
	require.Len(t, h.Angle, r.Family.Net.Blocks()-1)
	require.Len(t, h.NormRatio, r.Family.Net.Blocks()-1)
	return h
}

// A probe is backprop that notes what it is given. Its own weights, if it has any, chase 1.
type probe struct {
	credit.BackpropOf[float32]
	own, epochs, repeats int
	calls                []call
}

type call struct {
	first, own []float32 // a pixel of each image; the rule's weights
	net        []float32
	key        uint64
}

func (p *probe) Bind(net *nets.Net, size int) (credit.Assigner, error) {
	a, err := p.BackpropOf.Bind(net, size)
	return &probing{a, p}, err
}

type probing struct {
	credit.Assigner
	*probe
}

func (p *probing) Params() params.Layout {
	if p.own == 0 {
		return nil
	}
	return params.Layout{{Name: "own", Shape: []int{p.own}}}
}

func (p *probing) Init(own, _ []float32, _ uint64) { clear(own) }
func (p *probing) PretrainEpochs() int             { return p.epochs }
func (p *probing) Repeats() int                    { return max(1, p.repeats) }

func (p *probing) Assign(s *credit.Signal, t *nets.Trace, theta, own []float32, key uint64) error {
	c := call{net: slices.Clone(theta), own: slices.Clone(own), key: key}
	for i := range t.N {
		c.first = append(c.first, t.In(0)[i*len(t.In(0))/t.N])
	}
	p.calls = append(p.calls, c)
	return p.Assigner.Assign(s, t, theta, own, key)
}

func (p *probing) Learn(dOwn, _ []float32, _ *credit.Signal, _ *nets.Trace, _, own []float32, _ uint64) error {
	for i, w := range own {
		dOwn[i] = w - 1
	}
	return nil
}

// numbered has images that their first pixel tells apart.
func numbered(f credit.Family) credit.Family {
	set := *f.Data
	set.Images = slices.Clone(set.Images)
	for i := range set.Len() {
		set.Images[i*set.Pixels()] = byte(i)
	}
	f.Data = &set
	return f
}

// An epoch sees as many images as fill whole minibatches, each once, and the next one others in another order.
func TestEpochsAreShuffles(t *testing.T) {
	p := &probe{}
	f := numbered(small(t, 50, 8, p))
	train(t, training{Family: f, Optimizer: adam(), Epochs: 3, Key: 1})
	const updates = 50 / 8
	var epochs [3][]float32
	for i, c := range p.calls[:3*updates] {
		epochs[i/updates] = append(epochs[i/updates], c.first...)
	}
	keys := map[uint64]bool{}
	for _, c := range p.calls {
		keys[c.key] = true
	}
	require.Len(t, keys, len(p.calls), "every minibatch has a key of its own")
	left := map[float32]bool{}
	for i, e := range epochs {
		require.False(t, slices.IsSorted(e))
		require.NotEqual(t, epochs[(i+1)%3], e)
		seen := slices.Clone(e)
		slices.Sort(seen)
		require.Len(t, slices.Compact(seen), updates*8, "each once")
		for id := range 50 {
			if x := float32(id) / 255; !slices.Contains(e, x) {
				left[x] = true
			}
		}
	}
	require.Greater(t, len(left), 2, "not always the same are left out")
}

// The order of the images, and the start, depend on neither of the two rules.
func TestTrainingUsesCommonRandomNumbers(t *testing.T) {
	run := func(p *probe, o *learnedopt.Trained, key uint64) []call {
		train(t, training{Family: numbered(small(t, 50, 8, p)), Optimizer: o, Epochs: 2, Key: key})
		return p.calls
	}
	a, b := run(&probe{}, adam(), 1), run(&probe{own: 3}, untrained(&lstm.Rule{Hidden: 4}), 1)
	require.Len(t, b, len(a))
	require.Equal(t, a[0].net, b[0].net)
	for i := range a {
		require.Equal(t, a[i].first, b[i].first)
	}
	c := run(&probe{}, adam(), 2)
	require.NotEqual(t, a[0].net, c[0].net)
	require.NotEqual(t, a[0].first, c[0].first)
}

// In the head start the rule's weights move and the net's do not, not even under rules that move without a gradient.
func TestHeadStartMovesOwnWeightsOnly(t *testing.T) {
	for _, rule := range []learnedopt.Rule{
		&lstm.Rule{Hidden: 4}, &handmade.AdamW{Adam: handmade.Adam{LR: 0.01}, Decay: 0.5}, &handmade.SGD{LR: 0.1},
	} {
		p := &probe{own: 3, epochs: 2}
		train(t, training{Family: small(t, 50, 8, p), Optimizer: untrained(rule), Epochs: 1, Key: 1})
		const updates = 50 / 8
		for i, c := range p.calls[:3*updates] {
			still := i <= 2*updates
			require.Equal(t, still, slices.Equal(p.calls[0].net, c.net), "%s, update %d", rule.Name(), i)
			if i > 0 {
				require.NotEqual(t, p.calls[i-1].own, c.own, "%s, update %d", rule.Name(), i)
			}
		}
	}
	p := &probe{epochs: 2} // without weights there is nothing to start
	train(t, training{Family: small(t, 50, 8, p), Optimizer: adam(), Epochs: 1, Key: 1})
	require.NotEqual(t, p.calls[0].net, p.calls[1].net)
}

// The head start is a run of its own to a rule that reads how far a run has come: with a rate that falls in a straight line
// over its updates, weights that chase 1 have left 1 − LR·(1 − t/T) of the way after each.
func TestHorizonOfHeadStart(t *testing.T) {
	const rate, epochs, repeats, updates = 0.3, 2, 3, 2 * 3 * (50 / 8)
	p := &probe{own: 2, epochs: epochs, repeats: repeats}
	train(t, training{Family: small(t, 50, 8, p), Optimizer: untrained(&ruletest.Ramp{LR: rate}), Epochs: 1, Key: 1})
	left := 1.0
	for i, c := range p.calls[:updates+1] {
		require.InDelta(t, 1-left, c.own[0], 1e-5, "update %d", i)
		left *= 1 - rate*(1-float64(i)/updates)
	}
}

// Updates that a rule repeats have the minibatch and the key in common.
func TestRepeats(t *testing.T) {
	p := &probe{repeats: 3}
	train(t, training{Family: numbered(small(t, 50, 8, p)), Optimizer: adam(), Epochs: 1, Key: 1})
	for i, c := range p.calls[:50/8*3] {
		first := p.calls[i-i%3]
		require.Equal(t, first.first, c.first)
		require.Equal(t, first.key, c.key)
		if i%3 > 0 {
			require.NotEqual(t, first.net, c.net, "each is an update")
		} else if i > 0 {
			require.NotEqual(t, p.calls[i-1].key, c.key)
		}
	}
}

// One epoch of one minibatch, by hand.
func TestTrainingByHand(t *testing.T) {
	f := small(t, 9, 9, nil)
	h := train(t, training{Family: f, Optimizer: untrained(&handmade.SGD{LR: 0.5}), Epochs: 1, Key: 4})
	p, err := f.Problem()
	require.NoError(t, err)
	theta, grad := make([]float32, p.Params().Len()), make([]float32, p.Params().Len())
	p.Init(theta, rng.Split(4, keyStart))
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	loss, err := p.EvalOn(grad, theta, all, 0)
	require.NoError(t, err)
	require.InDelta(t, loss, float64(h.Loss[0]), 1e-6, "in another order")
	for i, g := range grad {
		theta[i] -= g / 2
	}
	wrong, err := p.ErrorRate(theta, f.Data)
	require.NoError(t, err)
	require.Equal(t, meta.Number(wrong), h.TestError[0])
}

// What is learned by heart is right. The test images are those that were given, and the loss is of the training images.
func TestTrainingLearns(t *testing.T) {
	f := small(t, 48, 8, nil)
	h := train(t, training{Family: f, Optimizer: untrained(&handmade.Adam{LR: 0.02}), Epochs: 150, Key: 1})
	require.Zero(t, h.TestError[149])
	require.Less(t, float64(h.Loss[149]), 0.05)
	require.Positive(t, h.Seconds)
	other := *f.Data
	other.Labels = slices.Clone(other.Labels)
	for i := range other.Labels {
		other.Labels[i] = (other.Labels[i] + 1) % 4
	}
	against := train(t, training{Family: f, Test: &other, Optimizer: untrained(&handmade.Adam{LR: 0.02}), Epochs: 150, Key: 1})
	require.Equal(t, h.Loss, against.Loss)
	require.Equal(t, meta.Number(1), against.TestError[149])
}

func TestTrainingAlignment(t *testing.T) {
	p := &probe{}
	h := train(t, training{Family: small(t, 1200, 100, p), Optimizer: adam(), Epochs: 1, Key: 1})
	for l, degrees := range h.Angle {
		require.InDelta(t, 0, float64(degrees), 1e-3)
		require.InDelta(t, 1, float64(h.NormRatio[l]), 1e-6)
	}
	require.Len(t, p.calls, 12+5, "500 images in whole minibatches")
	p.calls = nil
	train(t, training{Family: small(t, 700, 600, p), Optimizer: adam(), Epochs: 1, Key: 1})
	require.Len(t, p.calls, 2)

	h = train(t, training{Family: small(t, 512, 32, credit.FeedbackAlignmentOf[float32]{}), Optimizer: adam(), Epochs: 30, Key: 1})
	for _, degrees := range h.Angle {
		require.Greater(t, float64(degrees), 5.0)
		require.Less(t, float64(degrees), 85.0, "the weights come to align with the feedback")
	}
	h = train(t, training{Family: small(t, 50, 8, credit.NoneOf[float32]{}), Optimizer: adam(), Epochs: 1, Key: 1})
	require.True(t, math.IsNaN(float64(h.Angle[1])), "a signal of zero has no direction")
}

func TestMeanAlignment(t *testing.T) {
	none := credit.Alignment{Degrees: nan, NormRatio: nan}
	parts := [][]credit.Alignment{{{Degrees: 10, NormRatio: 1}, none}, {none, none}, {{Degrees: 20, NormRatio: 2}, none}}
	require.Equal(t, credit.Alignment{Degrees: 15, NormRatio: 1.5}, meanAlignment(parts, 0))
	require.True(t, math.IsNaN(meanAlignment(parts, 1).Degrees))
}

func TestTrainingDiverges(t *testing.T) {
	h := train(t, training{Family: small(t, 50, 8, nil), Optimizer: untrained(&handmade.SGD{LR: 3e38}), Epochs: 3, Key: 1})
	require.Equal(t, numbers(inf, inf, inf), h.Loss)
	require.Equal(t, numbers(1, 1, 1), h.TestError)
	require.True(t, math.IsNaN(float64(h.Angle[1])) && math.IsNaN(float64(h.NormRatio[0])))

	// In the very last update, which no loss tells of.
	h = train(t, training{Family: small(t, 8, 8, nil), Optimizer: untrained(&handmade.SGD{LR: 1e300}), Epochs: 1, Key: 1})
	require.Equal(t, numbers(inf), h.Loss)
	require.Equal(t, numbers(1), h.TestError)
}

// A run that diverges is over: nothing is trained after the minibatch whose loss is not finite.
func TestTrainingEndsWhereItDiverges(t *testing.T) {
	updates := 0
	h := train(t, training{
		Family: small(t, 50, 8, nil), Optimizer: untrained(&handmade.SGD{LR: 3e38}), Epochs: 3, Key: 1,
		Tell: func() { updates++ },
	})
	require.Equal(t, numbers(inf, inf, inf), h.Loss)
	require.LessOrEqual(t, updates, 3, "of 18")
}

func TestTrainingIsReproducible(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	run := func(key uint64, f credit.Family, o *learnedopt.Trained) *Run {
		h := train(t, training{Family: f, Optimizer: o, Epochs: 2, Key: key})
		h.Seconds = 0
		return h
	}
	for _, o := range []*learnedopt.Trained{adam(), untrained(&lstm.Rule{})} {
		f := small(t, 200, 64, credit.FeedbackAlignmentOf[float32]{})
		runtime.GOMAXPROCS(1)
		first := run(1, f, o)
		runtime.GOMAXPROCS(4)
		require.Equal(t, first, run(1, f, o))
		require.NotEqual(t, first, run(2, f, o))
	}
}

func TestTrainingStops(t *testing.T) {
	ctx, count := cancelAfter(9)
	done := 0
	r := training{Family: small(t, 50, 8, nil), Optimizer: adam(), Epochs: 100, Key: 1, Tell: func() {
		done++
		count()
	}}
	r.Test = r.Family.Data
	_, err := r.run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 9, done)
}

func TestTrainingRefuses(t *testing.T) {
	good := training{Family: small(t, 50, 8, nil), Test: problemtest.Images(5, 4), Optimizer: adam(), Epochs: 1}
	for want, spoil := range map[string]func(*training){
		"0 epochs":          func(r *training) { r.Epochs = 0 },
		"no test images":    func(r *training) { r.Test = nil },
		"images of 25 pix":  func(r *training) { r.Test = problemtest.Images(5, 5) },
		"of 51 from 50 ima": func(r *training) { r.Family.Batch = 51 },
		"no data":           func(r *training) { r.Family.Data = nil },
		"scale is -1":       func(r *training) { r.Family.Rule = credit.FeedbackAlignmentOf[float32]{Scale: -1} },
		"lr is -1":          func(r *training) { r.Optimizer = &learnedopt.Trained{Rule: &handmade.SGD{LR: -1}} },
	} {
		r := good
		spoil(&r)
		_, err := r.run(t.Context())
		require.ErrorContains(t, err, want)
	}
	_, err := good.run(t.Context())
	require.NoError(t, err)
}

// Every credit rule works with every update rule: ten updates stay finite and are the same again.
func TestEveryCreditRuleWithEveryUpdateRule(t *testing.T) {
	for _, name := range credit.Names() {
		for _, rule := range learnedopt.All() {
			if len(rule.Spec().Reads.Senses()) > 0 {
				continue // these need more than a signal in the gradient's place
			}
			first := tenUpdates(t, name, rule)
			require.True(t, finite(first), "%s × %s", name, rule.Name())
			require.Equal(t, first, tenUpdates(t, name, rule), "%s × %s", name, rule.Name())
		}
	}
}

// tenUpdates returns the weights after ten minibatches of 8x8 images, with the first loss that the credit rule works with.
func tenUpdates(t *testing.T, name string, update learnedopt.Rule) []float32 {
	t.Helper()
	set := problemtest.Images(40, 8)
	var err error
	for _, loss := range nets.Losses() {
		var rule credit.Rule
		rule, err = credit.Named[float32](name, nil)
		require.NoError(t, err)
		net, e := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.Loss(loss),
			nets.Dense{Units: 12}, nets.Activation("tanh"), nets.Dense{Units: 10}, nets.Activation("tanh"), nets.Dense{Units: set.Classes})
		require.NoError(t, e)
		f := credit.Family{Net: net, Rule: rule, Data: set, Batch: 8}
		r := training{Family: f, Test: set, Optimizer: untrained(update), Epochs: 2, Key: 3}.runs()
		var plan plan
		if plan, err = r.plan(update); err != nil {
			continue
		}
		w, err := newWorker(plan, untrained(update), 0, 1, hooks{})
		require.NoError(t, err)
		_, err = w.run(t.Context(), 0, 2)
		require.NoError(t, err)
		return w.tr.Theta
	}
	require.NoError(t, err, name)
	return nil
}
