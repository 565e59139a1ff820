package catalog_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
)

// quadratics is a problem of somebody's own, which notes what it was asked for.
func quadratics(asked *catalog.Options) catalog.Problem {
	return catalog.Problem{
		Family: func(o catalog.Options) (inner.Family, error) {
			*asked = o
			if o.Batch == 13 {
				return nil, errors.New("13 is no batch")
			}
			return inner.Quadratic{}, nil
		},
		Cheap:    true,
		Takes:    []string{"hidden", "batch"},
		Defaults: catalog.Options{Batch: 8},
	}
}

func register(t *testing.T, name string, p catalog.Problem) {
	t.Helper()
	catalog.Register(name, p)
	t.Cleanup(func() { catalog.Forget(name) })
}

// Law: once registered, a problem is one of the catalog, after ours, and gets the options that it takes and no others.
func TestRegister(t *testing.T) {
	before := catalog.Names()
	require.False(t, catalog.Cheap("bowl"))
	var asked catalog.Options
	register(t, "bowl", quadratics(&asked))
	require.Equal(t, append(before, "bowl"), catalog.Names())
	require.True(t, catalog.Cheap("bowl"))

	for _, split := range catalog.Splits() {
		f, err := catalog.Lookup("bowl", catalog.Options{Split: split, Hidden: []int{3}, Batch: 4})
		require.NoError(t, err)
		require.Equal(t, inner.Quadratic{}, f)
		require.Equal(t, catalog.Options{Split: split, Hidden: []int{3}, Batch: 4}, asked)
	}
	require.Equal(t, catalog.Options{Hidden: []int{3}}, catalog.Options{Hidden: []int{3}, Batch: 8}.Plain("bowl"))
	found, err := catalog.Fingerprint("bowl", catalog.Options{})
	require.NoError(t, err)
	require.Empty(t, found)

	for want, o := range map[string]catalog.Options{
		"catalog: bowl: does not take data, activation, credit": {Data: "x", Activation: "relu", Credit: "fa"},
		"catalog: bowl: does not take loss":                     {Loss: "squared-error"},
		"catalog: bowl: no split 7":                             {Split: 7},
		"catalog: bowl: does not take tasks":                    {Tasks: 3},
		"catalog: bowl: width -1":                               {Hidden: []int{-1}},
		"catalog: bowl: 13 is no batch":                         {Batch: 13},
	} {
		_, err := catalog.Lookup("bowl", o)
		require.ErrorContains(t, err, want)
	}
	_, err = catalog.LookupOf[float64]("bowl", catalog.Options{})
	require.EqualError(t, err, "catalog: bowl: it is there in float32 alone")
	_, err = catalog.LookupBenchmark("bowl", catalog.Options{})
	require.ErrorContains(t, err, "catalog: bowl: no benchmark")
}

// What a caller can do wrong panics with words, and changes nothing.
func TestRegisterPanics(t *testing.T) {
	var asked catalog.Options
	p := quadratics(&asked)
	register(t, "bowl", p)
	before := catalog.Names()
	wide := p
	wide.Takes = []string{"width"}
	for want, register := range map[string]func(){
		`catalog: Register of problem "bowl", which is there already`:                                                                      func() { catalog.Register("bowl", p) },
		`catalog: Register of problem "mnist", which is there already`:                                                                     func() { catalog.Register("mnist", p) },
		`catalog: Register of problem ""; want a name of lower-case letters, digits, - and _`:                                              func() { catalog.Register("", p) },
		`catalog: Register of problem "../x"; want a name of lower-case letters, digits, - and _`:                                          func() { catalog.Register("../x", p) },
		`catalog: Register of problem "mine" without a Family`:                                                                             func() { catalog.Register("mine", catalog.Problem{}) },
		`catalog: Register of problem "mine", which takes "width"; options are data, hidden, activation, batch, credit, loss, init, tasks`: func() { catalog.Register("mine", wide) },
	} {
		require.PanicsWithValue(t, want, register)
		require.Equal(t, before, catalog.Names())
	}
}

// Of many that want one name at the same time, one gets it.
func TestRegisterConcurrently(t *testing.T) {
	t.Cleanup(func() { catalog.Forget("bowl") })
	var all sync.WaitGroup
	var taken atomic.Int32
	for range 8 {
		all.Go(func() {
			defer func() {
				if recover() != nil {
					taken.Add(1)
				}
			}()
			var asked catalog.Options
			catalog.Cheap("bowl")
			catalog.Register("bowl", quadratics(&asked))
		})
	}
	all.Wait()
	require.EqualValues(t, 7, taken.Load())
	require.True(t, slices.Contains(catalog.Names(), "bowl"))
}
