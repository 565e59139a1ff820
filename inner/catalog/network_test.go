package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
)

// variants lists options of each problem on images, with the data of a folder.
func variants(dir string) map[string][]catalog.Options {
	all := map[string][]catalog.Options{}
	for _, name := range []string{"mnist", "mnist8", "logistic", "logistic8"} {
		all[name] = []catalog.Options{
			{}, {Batch: 7, Split: catalog.Valid}, {Loss: "squared-error", Batch: 9}, {Init: "he"}, {Init: "normal0.5"},
		}
	}
	for _, activation := range nets.Activations() {
		all["mnist8"] = append(all["mnist8"], catalog.Options{Hidden: []int{6, 5}, Activation: activation, Batch: 11})
	}
	for _, options := range all {
		for i := range options {
			options[i].Data = dir
		}
	}
	return all
}

func sample(t *testing.T, name string, o catalog.Options) inner.Problem {
	t.Helper()
	f, err := catalog.Lookup(name, o)
	require.NoError(t, err)
	p, err := f.Sample(1)
	require.NoError(t, err)
	return p
}

// same asserts that two problems can't be told apart: names and shapes, and the bits of starts, losses, gradients and products
// with the Hessian.
func same(t *testing.T, p, q inner.Problem, msg string) {
	t.Helper()
	require.Equal(t, p.Params(), q.Params(), msg)
	n := p.Params().Len()
	theta, other := make([]float32, n), make([]float32, n)
	for key := range uint64(3) {
		p.Init(theta, key)
		q.Init(other, key)
		require.Equal(t, theta, other, "%s: start %d", msg, key)
		if key > 0 {
			rng.Normal(theta, key+10, 0.5)
		}
		grad, otherGrad := make([]float32, n), make([]float32, n)
		loss, err := p.Eval(grad, theta, key)
		require.NoError(t, err)
		otherLoss, err := q.Eval(otherGrad, theta, key)
		require.NoError(t, err)
		require.Equal(t, loss, otherLoss, "%s: loss %d", msg, key)
		require.Equal(t, grad, otherGrad, "%s: gradient %d", msg, key)
		require.NoError(t, p.(inner.Curvature).HessianVector(grad, theta, other, key))
		require.NoError(t, q.(inner.Curvature).HessianVector(otherGrad, theta, other, key))
		require.Equal(t, grad, otherGrad, "%s: product %d", msg, key)
	}
}

// Backprop is what a network does without a credit rule, to the bit, and it is no signal beside the gradient.
func TestBackpropIsNoCreditRule(t *testing.T) {
	for name, options := range variants(writeImages(t, problemtest.Images(36, 28))) {
		for _, o := range options {
			plain := sample(t, name, o)
			o.Credit = "backprop"
			backprop := sample(t, name, o)
			same(t, plain, backprop, name)
			for _, p := range []inner.Problem{plain, backprop} {
				_, signalled := p.(inner.Signalled)
				require.False(t, signalled)
			}
		}
	}
}

// A name stands for the network that one would write down.
func TestLookupIsTheNetworkByHand(t *testing.T) {
	set := problemtest.Images(36, 28)
	dir := writeImages(t, set)
	byHand := func(images *data.Set, loss nets.Loss, init nets.Init, batch int, layers ...nets.Layer) inner.Problem {
		net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: images.Rows, Cols: images.Cols}, loss, layers...)
		require.NoError(t, err)
		p, err := credit.Family{Net: net, Data: images, Batch: batch, Init: init}.Sample(0)
		require.NoError(t, err)
		return p
	}
	train := set.Slice(0, 15)
	small, err := train.Downsample8()
	require.NoError(t, err)
	same(t, byHand(train, nets.CrossEntropy, nets.Normal, 128, nets.Dense{Units: 20}, nets.Activation("sigmoid"), nets.Dense{Units: 4}),
		sample(t, "mnist", catalog.Options{Data: dir}), "mnist")
	same(t, byHand(small, nets.SquaredError, nets.Glorot, 5, nets.Dense{Units: 3}, nets.Activation("relu"), nets.Dense{Units: 2},
		nets.Activation("relu"), nets.Dense{Units: 4}), sample(t, "mnist8", catalog.Options{
		Data: dir, Hidden: []int{3, 2}, Activation: "relu", Batch: 5, Loss: "squared-error", Init: "glorot",
	}), "mnist8")
	same(t, byHand(small, nets.CrossEntropy, nets.Normal, 128, nets.Dense{Units: 4}), sample(t, "logistic8", catalog.Options{Data: dir}), "logistic8")
}

// The start of a network is the problem's and not the credit rule's: by default the founding paper's, in training for epochs
// LeCun's.
func TestStarts(t *testing.T) {
	dir := writeImages(t, problemtest.Images(36, 28))
	const key = 5
	for _, rule := range append(credit.Names(), "") {
		for _, init := range []string{"", "he"} {
			o := catalog.Options{Data: dir, Hidden: []int{5, 4}, Credit: rule, Init: init}
			b, err := catalog.LookupBenchmark("mnist8", o)
			if err != nil {
				continue // not on this net
			}
			net := b.Family.Net
			start := func(f credit.Family) []float32 {
				p, err := f.Problem()
				require.NoError(t, err)
				theta := make([]float32, p.Params().Len())
				p.Init(theta, key)
				return theta[:net.Params().Len()]
			}
			want := make([]float32, net.Params().Len())
			for _, by := range []struct {
				family credit.Family
				init   nets.Init
			}{{b.Family, "lecun"}, {lookupFamily(t, "mnist8", o), "normal0.1"}} {
				if init != "" {
					by.init = nets.Init(init)
				}
				net.Start(want, by.init, key)
				assert.Equal(t, want, start(by.family), "%s, %s", rule, by.init)
			}
		}
	}
	paper := make([]float32, 15_910-6*21) // four classes
	sample(t, "mnist", catalog.Options{Data: dir}).Init(paper, key)
	want := make([]float32, len(paper))
	rng.Normal(want, key, 0.1)
	assert.Equal(t, want, paper)
}

// lookupFamily looks a family up, without the rule where that wants more than one update of each minibatch.
func lookupFamily(t *testing.T, name string, o catalog.Options) credit.Family {
	t.Helper()
	f, err := catalog.Lookup(name, o)
	if err != nil {
		o.Credit = ""
		f, err = catalog.Lookup(name, o)
	}
	require.NoError(t, err)
	return f.(credit.Family)
}
