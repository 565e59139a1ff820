package learnedopt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// foreign is a rule as somebody else would write it: SGD, with settings that JSON leaves out when they are zero.
type foreign struct {
	Gain float64 `json:"gain,omitempty"`
	Bins int     `json:"bins,omitempty"` // a tensor of phi so long
}

func (*foreign) Name() string { return "foreign" }

func (f *foreign) Spec() learnedopt.Spec {
	s := new(handmade.SGD).Spec()
	if f.Bins > 0 {
		s.Phi = append(s.Phi, params.Spec{Name: "bins", Shape: []int{f.Bins}})
	}
	return s
}

func (*foreign) Init(phi []float32, _ uint64) { clear(phi) }

func (*foreign) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	return new(handmade.SGD).Update(in)
}

func (f *foreign) Validate() error {
	if f.Gain < 0 {
		return fmt.Errorf("foreign: gain is %v, want 0 or more", f.Gain)
	}
	return nil
}

func newForeign() learnedopt.Rule { return new(foreign) }

// register adds a rule for the time of a test.
func register(t *testing.T, newRule func() learnedopt.Rule) {
	t.Helper()
	learnedopt.Register(newRule)
	t.Cleanup(func() { learnedopt.Forget(newRule().Name()) })
}

func save(t *testing.T, r learnedopt.Rule) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rule.safetensors")
	tr := &learnedopt.Trained{Rule: r, Phi: make([]float32, r.Spec().Phi.Len()), Provenance: map[string]string{"by": "me"}}
	require.NoError(t, tr.Save(path))
	return path
}

// Law: once registered, a rule is one of ours, wherever rules go by name, and it comes after ours.
func TestRegister(t *testing.T) {
	before := learnedopt.Names()
	path := save(t, &foreign{Gain: 2, Bins: 3})
	_, err := learnedopt.Load(path)
	require.ErrorContains(t, err, `unknown rule "foreign"; want one of sgd, `)

	register(t, newForeign)
	require.Equal(t, append(before, "foreign"), learnedopt.Names())
	trained, err := learnedopt.Load(path)
	require.NoError(t, err)
	require.Equal(t, &foreign{Gain: 2, Bins: 3}, trained.Rule)
	require.Equal(t, "me", trained.Provenance["by"])

	a, err := learnedopt.Named("foreign", json.RawMessage(`{"gain":1}`))
	require.NoError(t, err)
	b, err := learnedopt.Named("foreign", nil)
	require.NoError(t, err)
	require.Equal(t, []any{&foreign{Gain: 1}, new(foreign)}, []any{a, b}, "each has a rule of its own")

	for config, want := range map[string]string{
		`{"size":1}`:          `configuration of rule "foreign": json: unknown field "size"`,
		`{"Gain":1}`:          `unknown field "Gain"`,
		`{"gain":1,"gain":1}`: `field "gain" is given twice`,
		`{"gain":null}`:       `field "gain" is null`,
		`{"gain":-1}`:         "foreign: gain is -1, want 0 or more",
	} {
		_, err := learnedopt.Named("foreign", json.RawMessage(config))
		require.ErrorContains(t, err, want)
	}
}

// LoadAs reads what Load does not know, and is as strict.
func TestLoadAs(t *testing.T) {
	path := save(t, &foreign{Gain: 2, Bins: 3})
	r := new(foreign)
	trained, err := learnedopt.LoadAs(path, r)
	require.NoError(t, err)
	require.Same(t, r, trained.Rule)
	require.Equal(t, &foreign{Gain: 2, Bins: 3}, r)
	require.Equal(t, []float32{0, 0, 0, 0}, trained.Phi)
	require.Equal(t, "me", trained.Provenance["by"])

	_, err = learnedopt.LoadAs(path+"x", new(foreign))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = learnedopt.LoadAs(path, new(handmade.Adam))
	require.ErrorContains(t, err, path+`: checkpoints: the saved rule is "foreign", want "adam"`)

	layout := (&foreign{Bins: 3}).Spec().Phi
	for config, want := range map[string]string{
		`{"bins":4}`:           "another layout: tensor 1 is bins[3], want bins[4]",
		`{"bins":3,"size":1}`:  `configuration of rule "foreign": json: unknown field "size"`,
		`{"bins":3,"gain":-1}`: "foreign: gain is -1",
		`{"bins":"3"}`:         `cannot unmarshal string into field "bins" of type int`,
	} {
		require.NoError(t, checkpoints.SaveRule(path, checkpoints.Rule{
			Name: "foreign", Config: json.RawMessage(config), Layout: layout, Phi: make([]float32, layout.Len()),
		}))
		_, err := learnedopt.LoadAs(path, new(foreign))
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		require.Less(t, len(err.Error())-len(path), 300)
	}
	require.PanicsWithValue(t, "learnedopt: LoadAs of <nil>; want a pointer to a struct, which a configuration can be read into",
		func() { _, _ = learnedopt.LoadAs(path, nil) })
	require.Panics(t, func() { _, _ = learnedopt.LoadAs(path, (*foreign)(nil)) })
}

// value is a rule that no configuration can be read into.
type value struct{ *foreign }

// called is a rule of any name.
type called struct {
	foreign
	name string
}

func (c *called) Name() string { return c.name }

// What a caller can do wrong panics with words, and changes nothing.
func TestRegisterPanics(t *testing.T) {
	register(t, newForeign)
	before, same := learnedopt.Names(), new(foreign)
	for want, newRule := range map[string]func() learnedopt.Rule{
		"learnedopt: Register of a nil function":                                                                            nil,
		"learnedopt: Register of <nil>; want a pointer to a struct, which a configuration can be read into":                 func() learnedopt.Rule { return nil },
		"learnedopt: Register of learnedopt_test.value; want a pointer to a struct, which a configuration can be read into": func() learnedopt.Rule { return value{same} },
		`learnedopt: Register of rule "foreign", which is there already`:                                                    newForeign,
		`learnedopt: Register of rule "sgd", which is there already`:                                                        func() learnedopt.Rule { return new(handmade.SGD) },
		`learnedopt: Register of rule "A/B"; want a name of lower-case letters, digits, - and _`:                            func() learnedopt.Rule { return &called{name: "A/B"} },
		`learnedopt: Register of rule ""; want a name of lower-case letters, digits, - and _`:                               func() learnedopt.Rule { return &called{} },
		`learnedopt: Register of rule "foreign"; want a function that makes one rule, a new one each time`:                  func() learnedopt.Rule { return same },
	} {
		require.PanicsWithValue(t, want, func() { learnedopt.Register(newRule) })
		require.Equal(t, before, learnedopt.Names())
	}
}

// Rules may be registered and looked up at the same time: of many that want one name, one gets it.
func TestRegisterConcurrently(t *testing.T) {
	t.Cleanup(func() { learnedopt.Forget("foreign") })
	var all sync.WaitGroup
	won := make(chan error, 8)
	for range cap(won) {
		all.Go(func() {
			defer func() {
				if recover() == nil {
					won <- nil
				} else {
					won <- errors.New("taken")
				}
			}()
			require.NotEmpty(t, learnedopt.Names())
			learnedopt.Register(newForeign)
		})
	}
	all.Wait()
	close(won)
	winners := 0
	for err := range won {
		if err == nil {
			winners++
		}
	}
	require.Equal(t, 1, winners)
	require.True(t, slices.Contains(learnedopt.Names(), "foreign"))
}
