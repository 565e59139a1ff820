package rule

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// A plain rule has two numbers that follow from the key, and takes any configuration.
type plain struct{}

func (plain) Name() string { return "plain" }
func (plain) Spec() Spec   { return Spec{Phi: params.Layout{{Name: "a", Shape: []int{2}}}} }
func (plain) Init(phi []float32, key uint64) {
	for i := range phi {
		phi[i] = float32(key) + float32(i)
	}
}
func (plain) Update(Inputs) (Outputs, error) { return Outputs{}, nil }

// A picky rule takes none.
type picky struct {
	plain
	err error
}

func (p picky) Validate() error { return p.err }

// Those who can be wrong are asked, all others are right.
func TestValidate(t *testing.T) {
	require.NoError(t, Validate(plain{}))
	require.NoError(t, Validate(picky{}))
	wrong := errors.New("lr is 0")
	require.ErrorIs(t, Validate(picky{err: wrong}), wrong)
}

// Phi is as long as the rule says and as the key has it.
func TestPhi(t *testing.T) {
	require.Equal(t, []float32{7, 8}, Phi(plain{}, 7))
}

// One tensor's step is the only one, with its next state and nothing shared.
func TestOne(t *testing.T) {
	step, next := new(G.Node), map[string]*G.Node{"m": new(G.Node)}
	require.Equal(t, Outputs{Tensors: []TensorOutputs{{Step: step, State: next}}}, One(step, next))
}

// What is read is looked for under its own sense, and what is no sense under none.
func TestSenses(t *testing.T) {
	each := map[Vars]params.Sense{
		Pre: params.Pre, Potential: params.Potential, Post: params.Post, Mod: params.Mod, Target: params.Target, Reward: params.Reward,
	}
	all := Vars(0)
	for v, want := range each {
		require.Equal(t, []params.Sense{want}, v.Senses())
		require.Equal(t, []params.Sense{want}, (v | Grad | Theta | Loss | Step | Horizon).Senses())
		all |= v
	}
	require.Empty(t, (Grad | Theta | Loss | Step | Horizon).Senses())
	require.Len(t, all.Senses(), len(each))
}

// A number is as long as a vector of one.
func TestRowLen(t *testing.T) {
	for width, want := range map[int]int{0: 1, 1: 1, 2: 2, 7: 7} {
		require.Equal(t, want, Row{Name: "m", Width: width}.Len())
	}
}
