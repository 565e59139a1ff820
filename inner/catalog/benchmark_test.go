package catalog_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

// A benchmark learns from all training images and is measured on the test images.
func TestBenchmarkOfMNIST(t *testing.T) {
	train, test, err := mnist.Load()
	require.NoError(t, err)
	b, err := catalog.LookupBenchmark("mnist", catalog.Options{Hidden: []int{5, 4}, Activation: "tanh", Credit: "fa"})
	require.NoError(t, err)
	assert.Same(t, train, b.Family.Data)
	assert.Same(t, test, b.Test)
	assert.Equal(t, "tanh", b.Activation)
	assert.Equal(t, "fa", b.Family.Rule.Name())
	assert.Equal(t, nets.CrossEntropy, b.Family.Net.Loss())
	assert.Equal(t, 784*5+5+5*4+4+4*10+10, b.Family.Net.Params().Len())
}

func TestBenchmarkOptions(t *testing.T) {
	dir := writeImages(t, problemtest.Images(36, 28))
	b, err := catalog.LookupBenchmark("mnist8", catalog.Options{Data: dir, Loss: "squared-error"})
	require.NoError(t, err)
	assert.Equal(t, []int{36, 36, 8, 8}, []int{b.Family.Data.Len(), b.Test.Len(), b.Family.Data.Rows, b.Test.Rows})
	assert.Equal(t, "sigmoid", b.Activation)
	assert.Equal(t, "backprop", b.Family.Rule.Name())
	assert.Equal(t, nets.SquaredError, b.Family.Net.Loss())
	assert.Equal(t, 2, b.Family.Net.Blocks())

	b, err = catalog.LookupBenchmark("logistic", catalog.Options{Data: dir})
	require.NoError(t, err)
	assert.Equal(t, 1, b.Family.Net.Blocks())
	assert.Empty(t, b.Activation)

	_, err = catalog.LookupBenchmark("quadratic", catalog.Options{})
	require.EqualError(t, err, "catalog: quadratic: does not take credit")
	_, err = catalog.LookupBenchmark("minst", catalog.Options{})
	require.ErrorContains(t, err, `no problem "minst"`)
}

// With a credit rule a name stands for the same network on the same images.
func TestLookupWithCredit(t *testing.T) {
	dir := writeImages(t, problemtest.Images(36, 28))
	for _, name := range []string{"mnist", "mnist8", "logistic", "logistic8"} {
		plain, err := catalog.Lookup(name, catalog.Options{Data: dir})
		require.NoError(t, err)
		p, err := plain.Sample(1)
		require.NoError(t, err)
		f, err := catalog.Lookup(name, catalog.Options{Data: dir, Credit: "fa", Split: catalog.Test})
		require.NoError(t, err)
		q, err := f.Sample(1)
		require.NoError(t, err)
		assert.Equal(t, p.Params().Len(), q.Params().Len(), name)
		assert.Equal(t, 18, f.(credit.Family).Data.Len(), name)
	}
	f, err := catalog.Lookup("mnist8", catalog.Options{Data: dir, Credit: "fa", CreditConfig: json.RawMessage(`{"scale":2}`)})
	require.NoError(t, err)
	assert.Equal(t, &credit.FeedbackAlignmentOf[float32]{Scale: 2}, f.(credit.Family).Rule)
}

func TestLookupRefusesCredit(t *testing.T) {
	dir := writeImages(t, problemtest.Images(36, 28))
	for _, c := range []struct {
		name    string
		options catalog.Options
		want    string
	}{
		{"quadratic", catalog.Options{Credit: "fa"}, "catalog: quadratic: does not take credit"},
		{"quadratic", catalog.Options{Loss: "squared-error", Init: "he"}, "catalog: quadratic: does not take loss, init"},
		{"mnist", catalog.Options{Data: dir, Init: "zero"}, `no init "zero"; there are lecun, he, glorot, normal0.1, and normal with any other`},
		{"mnist", catalog.Options{Data: dir, CreditConfig: json.RawMessage("{}")}, "does not take settings of a credit rule without one"},
		{"mnist", catalog.Options{Data: dir, Credit: "blame"}, `no rule "blame"; there are backprop, fa, `},
		{"mnist", catalog.Options{Data: dir, Credit: "fa", CreditConfig: json.RawMessage(`{"size":2}`)}, `unknown field "size"`},
		{"mnist", catalog.Options{Data: dir, Credit: "fa", CreditConfig: json.RawMessage(`{"scale":-2}`)}, "scale is -2, want a number above 0"},
		{"mnist", catalog.Options{Data: dir, Credit: "fa", Loss: "hinge"}, `no loss "hinge"; there are cross-entropy, squared-error`},
		{"mnist", catalog.Options{Data: dir, Credit: "fa", Activation: "step"}, `no activation "step"`},
	} {
		_, err := catalog.Lookup(c.name, c.options)
		require.ErrorContains(t, err, c.want)
	}
}

// Training that goes by the keys of minibatches takes each once. A credit rule that wants more has to be trained for epochs.
func TestLookupRefusesRepeats(t *testing.T) {
	dir := writeImages(t, problemtest.Images(36, 28))
	for _, name := range credit.Names() {
		o := catalog.Options{Data: dir, Hidden: []int{5, 4}, Credit: name, Batch: 4}
		b, err := catalog.LookupBenchmark("mnist8", o)
		if err != nil {
			continue // not on this net
		}
		p, err := b.Family.Problem()
		require.NoError(t, err)
		_, err = catalog.Lookup("mnist8", o)
		if p.Repeats() > 1 {
			require.ErrorContains(t, err, "updates on each minibatch, which only training for epochs does", name)
		} else {
			require.NoError(t, err, name)
		}
	}
}
