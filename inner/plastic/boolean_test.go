package plastic_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/params"
)

// Of the 16 functions of two inputs all but xor and its negation are separable; of the 256 of three inputs 104 are.
func TestSeparable(t *testing.T) {
	require.Len(t, plastic.Separable(1), 4)
	require.Len(t, plastic.Separable(3), 104)
	var want []uint8
	for f := range uint8(16) {
		if f != 0b0110 && f != 0b1001 {
			want = append(want, f)
		}
	}
	require.Equal(t, want, plastic.Separable(2))
	for _, f := range plastic.Separable(3) {
		require.Contains(t, plastic.Separable(3), ^f, "the negation of %b", f)
	}
	require.Panics(t, func() { plastic.Separable(4) })
	plastic.Separable(2)[0] = 9
	require.EqualValues(t, 0, plastic.Separable(2)[0], "the list is the caller's")
}

// solved returns the fraction of tasks that a rule solves in a life.
func solved(t *testing.T, f plastic.BooleanOf[float64], m move) float64 {
	n := 0.0
	for i := range f.Tasks() {
		p, err := f.Task(i, 1)
		require.NoError(t, err)
		n += score(t, p, lifetime(t, p, m, uint64(i)))["solved"]
	}
	return n / float64(f.Tasks())
}

// A life is long enough for the delta rule, of all functions and both numbers of inputs; Hebb's rule, which sees no target, gets
// few by chance.
func TestDeltaSolvesAllSeparableFunctions(t *testing.T) {
	for inputs, tasks := range map[int]int{2: 14, 3: 104} {
		f := plastic.BooleanOf[float64]{Inputs: inputs}
		require.Equal(t, tasks, f.Tasks())
		assert.Equal(t, 1.0, solved(t, f, delta(2)), "%d inputs", inputs)
		assert.Less(t, solved(t, f, hebb(0.5)), 0.3, "%d inputs", inputs)
		assert.Less(t, solved(t, f, static), 0.3, "%d inputs", inputs)
	}
}

// An epoch has every pattern once, in an order that is not always the same, and target and modulator are what they are called.
func TestPatternsOfALife(t *testing.T) {
	for _, mod := range []string{"", "error", "target"} {
		f := plastic.BooleanOf[float64]{Inputs: 3, Functions: []uint8{0b10000000}, Mod: mod}
		p := sample(t, f, 1)
		require.Equal(t, 30*8, p.(inner.Lived).Life())
		theta := make([]float64, 4)
		p.Init(theta, 5)
		s := p.(inner.SynapticOf[float64])
		felt := make([]float64, s.Senses().Len())
		orders := map[string]bool{}
		for epoch := range 30 {
			var order []byte
			for i := range 8 {
				require.NoError(t, s.Sense(felt, theta, 8*epoch+i, 0))
				of := func(s params.Sense, l params.Layout) []float64 { return params.Slice(l, felt, s.Of("w")) }
				x := of(params.Pre, s.Senses())
				target := x[0] * x[1] * x[2] // and
				u := theta[0]*x[0] + theta[1]*x[1] + theta[2]*x[2] + theta[3]
				y := 1 / (1 + math.Exp(-u))
				want := target
				if mod != "target" {
					want -= y
				}
				assert.Equal(t, 1.0, x[3])
				assert.Equal(t, []float64{target}, of(params.Target, s.Senses()))
				assert.InDelta(t, u, of(params.Potential, s.Senses())[0], 1e-15)
				assert.InDelta(t, y, of(params.Post, s.Senses())[0], 1e-15)
				assert.InDelta(t, want, of(params.Mod, s.Senses())[0], 1e-15)
				order = append(order, byte(x[0]+2*x[1]+4*x[2]))
			}
			orders[string(order)] = true
			slices.Sort(order)
			require.Equal(t, []byte{0, 1, 2, 3, 4, 5, 6, 7}, order)
		}
		assert.Greater(t, len(orders), 25)
	}
}

// The loss is the mean squared error of the whole task, and a life starts within the bounds that it should.
func TestBooleanLossAndStart(t *testing.T) {
	p, err := plastic.BooleanOf[float64]{Functions: []uint8{0b1110}}.Task(0, 1)
	require.NoError(t, err)
	loss, err := p.Eval(nil, []float64{0, 0, 0}, 1)
	require.NoError(t, err)
	assert.Equal(t, 0.25, loss)
	require.Zero(t, score(t, p, []float64{0, 0, 0})["solved"], "1/2 is on no side")
	require.Equal(t, 1.0, score(t, p, []float64{1, 1, -0.5})["solved"])
	require.Zero(t, score(t, p, []float64{1, 1, -1.5})["solved"], "this is and")
	theta := make([]float64, 3)
	least, most := 1.0, -1.0
	for key := range uint64(200) {
		p.Init(theta, key)
		least, most = min(least, slices.Min(theta)), max(most, slices.Max(theta))
	}
	assert.InDelta(t, -0.5, least, 0.02)
	assert.InDelta(t, 0.5, most, 0.02)
}

func TestBooleanRefuses(t *testing.T) {
	for want, f := range map[string]plastic.Boolean{
		"plastic: boolean: Inputs is 4; want 2..3":                                   {Inputs: 4},
		"plastic: boolean: Epochs is -1; want 1..1048576":                            {Epochs: -1},
		"plastic: boolean: Start is -1; want a number of 0 or more":                  {Start: -1},
		`plastic: boolean: no Mod "reward"; there are error, target`:                 {Mod: "reward"},
		"plastic: boolean: function 6 of 2 inputs is not separable; see Separable":   {Functions: []uint8{6}},
		"plastic: boolean: no task 0; there are 0":                                   {Functions: []uint8{}},
		"plastic: boolean: function 255 of 2 inputs is not separable; see Separable": {Functions: []uint8{255}},
	} {
		_, err := f.Sample(1)
		require.EqualError(t, err, want)
	}
	_, err := plastic.Boolean{}.Task(14, 1)
	require.EqualError(t, err, "plastic: boolean: no task 14; there are 14")
	_, err = plastic.Boolean{}.Task(-1, 1)
	require.Error(t, err)
}
