package synthetic_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/inner/synthetic"
)

const (
	batches = problemtest.Start | problemtest.Batch
	all     = problemtest.Function | batches
)

// law checks a family in both precisions.
func law(t *testing.T, name string, single inner.Family, double inner.FamilyOf[float64], varies problemtest.Keys) {
	t.Run(name, func(t *testing.T) {
		problemtest.Run(t, double, problemtest.Options{Varies: varies})
		problemtest.Agree(t, single, double)
	})
}

func TestLaws(t *testing.T) {
	student := synthetic.Student{Hidden: []int{5, 4}, Activation: "tanh", Batch: 7}
	law(t, "teacher", synthetic.Teacher{Student: student, Inputs: 5, Classes: 3, Teacher: []int{6}},
		synthetic.TeacherOf[float64]{Student: student, Inputs: 5, Classes: 3, Teacher: []int{6}}, all)
	law(t, "clusters", synthetic.Clusters{Student: student, Inputs: 4, Units: 3},
		synthetic.ClustersOf[float64]{Student: student, Inputs: 4, Units: 3}, all)
	law(t, "logistic", synthetic.Clusters{Spread: .5}, synthetic.ClustersOf[float64]{Spread: .5}, all)
	r := synthetic.Reading{Letters: 5, Hidden: 6, Length: 4, Batch: 3}
	law(t, "elman", synthetic.Elman{Reading: r}, synthetic.ElmanOf[float64]{Reading: r}, all)
	law(t, "lstm", synthetic.LSTM{Reading: r}, synthetic.LSTMOf[float64]{Reading: r}, all)
	law(t, "transformer", synthetic.Transformer{Reading: r, Heads: 3}, synthetic.TransformerOf[float64]{Reading: r, Heads: 3}, all)
	r.Text = opticks.Number([]byte("a text that is somebody's, and the same for all keys"))
	law(t, "elman on a text", synthetic.Elman{Reading: r}, synthetic.ElmanOf[float64]{Reading: r}, batches)
}

func TestFunctionLaws(t *testing.T) {
	for _, form := range synthetic.Forms() {
		for _, f := range []synthetic.FunctionOf[float64]{
			{Form: form, Dim: 7}, {Form: form, Dim: 6, Rows: 2, Shake: .1, Condition: 10}, {Form: form, Dim: 8, Seen: .5},
		} {
			varies := problemtest.Function | problemtest.Start
			if f.Shake > 0 || f.Seen > 0 {
				varies |= problemtest.Batch
			}
			law(t, fmt.Sprintf("%s %v %v", form, f.Shake, f.Seen), synthetic.Function(f), f, varies)
		}
	}
}

// In use no step allocates either, at the sizes that are defaults.
func TestNoAllocations(t *testing.T) {
	for _, f := range []inner.Family{
		synthetic.Teacher{Student: synthetic.Student{Hidden: []int{16}}}, synthetic.Clusters{}, synthetic.Function{},
		synthetic.Elman{}, synthetic.LSTM{}, synthetic.Transformer{},
	} {
		p, err := f.Sample(1)
		require.NoError(t, err)
		theta, grad := make([]float32, p.Params().Len()), make([]float32, p.Params().Len())
		p.Init(theta, 1)
		assert.Zero(t, testing.AllocsPerRun(3, func() { _, _ = p.Eval(grad, theta, 2) }), "%T", f)
		assert.Positive(t, p.(inner.Sized).Bytes())
	}
}

// descend returns the losses at the start and after some steps of plain gradient descent.
func descend(t *testing.T, f inner.FamilyOf[float64], rate float64, steps int) (first, last float64) {
	t.Helper()
	p, err := f.Sample(3)
	require.NoError(t, err)
	theta, grad := make([]float64, p.Params().Len()), make([]float64, p.Params().Len())
	p.Init(theta, 1)
	for i := range steps {
		last, err = p.Eval(grad, theta, uint64(i))
		require.NoError(t, err)
		if i == 0 {
			first = last
		}
		for k, g := range grad {
			theta[k] -= rate * g
		}
	}
	return first, last
}

// What is asked can be learned.
func TestTheyLearn(t *testing.T) {
	student := synthetic.Student{Hidden: []int{32}}
	for name, f := range map[string]inner.FamilyOf[float64]{
		"teacher":     synthetic.TeacherOf[float64]{Student: student, Inputs: 6, Classes: 3},
		"clusters":    synthetic.ClustersOf[float64]{Spread: .3},
		"elman":       synthetic.ElmanOf[float64]{},
		"lstm":        synthetic.LSTMOf[float64]{},
		"transformer": synthetic.TransformerOf[float64]{},
	} {
		first, last := descend(t, f, 1, 400)
		assert.Less(t, last, .9*first, name)
	}
}

// A quadratic is its closed form: about 1 at the start in the mean over keys, and zero at the end of descent.
func TestFunctionScale(t *testing.T) {
	for _, seen := range []float64{0, .25} {
		f, sum := synthetic.FunctionOf[float64]{Seen: seen, Condition: 1, Dim: 64}, 0.0
		for key := range uint64(200) {
			p, err := f.Sample(key)
			require.NoError(t, err)
			theta := make([]float64, 64)
			p.Init(theta, key+1000)
			loss, err := p.Eval(nil, theta, key)
			require.NoError(t, err)
			sum += loss
		}
		require.InDelta(t, 1, sum/200, .06)
	}
	first, last := descend(t, synthetic.FunctionOf[float64]{Condition: 1, Dim: 4}, 1, 200)
	require.Greater(t, first, .01)
	require.Less(t, last, 1e-20)
}

// With Seen, that part of a gradient is not zero.
func TestFunctionSeen(t *testing.T) {
	p, err := synthetic.FunctionOf[float64]{Dim: 4000, Seen: .1}.Sample(1)
	require.NoError(t, err)
	theta, grad := make([]float64, 4000), make([]float64, 4000)
	p.Init(theta, 1)
	_, err = p.Eval(grad, theta, 2)
	require.NoError(t, err)
	n := 0
	for _, g := range grad {
		if g != 0 {
			n++
		}
	}
	require.InDelta(t, 400, n, 4*math.Sqrt(360))
}

// A chain's letters depend on the two before them: told by these they are less uncertain than by one, and by one than by none.
func TestChain(t *testing.T) {
	require.Equal(t, synthetic.Chain(4, 7), synthetic.Chain(4, 7))
	require.NotEqual(t, synthetic.Chain(4, 7).Codes, synthetic.Chain(4, 8).Codes)
	const keys = 16
	entropy := func(context int) float64 { // in the mean over keys
		h := 0.0
		for key := range uint64(keys) {
			text := synthetic.Chain(4, key)
			require.Len(t, text.Codes, 4096)
			counts, totals := map[string]float64{}, map[string]float64{}
			for i := context; i < len(text.Codes); i++ {
				counts[string(text.Codes[i-context:i+1])]++
				totals[string(text.Codes[i-context:i])]++
			}
			for k, n := range counts {
				h -= n / 4096 * math.Log(n/totals[k[:context]])
			}
		}
		return h / keys
	}
	require.Less(t, entropy(0), math.Log(4)-.05, "some letters are rare")
	require.Greater(t, entropy(0), entropy(1)+.05)
	require.Greater(t, entropy(1), entropy(2)+.05)
	require.InDelta(t, entropy(2), entropy(3), .05, "three tell no more than two")
	require.Panics(t, func() { synthetic.Chain(1, 0) })
}

func TestErrors(t *testing.T) {
	for want, f := range map[string]inner.Family{
		"synthetic: Teacher: Inputs of -1; want 1 or more":                                 synthetic.Teacher{Inputs: -1},
		"synthetic: Teacher: 257 Classes; want 2 to 256":                                   synthetic.Teacher{Classes: 257},
		"synthetic: Clusters: a Batch of -2; want 1 or more":                               synthetic.Clusters{Student: synthetic.Student{Batch: -2}},
		"synthetic: Clusters: a Spread of 1 and Units of 0.5; want above 0, and 1 or more": synthetic.Clusters{Units: .5},
		`synthetic: Function: no form "valley"; there are quadratic bowl waves funnel`:     synthetic.Function{Form: "valley"},
		"synthetic: Function: a Dim of -1; want 1 or more":                                 synthetic.Function{Dim: -1},
		"synthetic: Function: 5 Rows; want a divisor of Dim, 32":                           synthetic.Function{Rows: 5},
		"synthetic: Function: a Condition of 0.5; want 1 or more":                          synthetic.Function{Condition: .5},
		"synthetic: Function: a Shake of -1; want 0 or more":                               synthetic.Function{Shake: -1},
		"synthetic: Function: a Seen of 2; want more than 0, at most 1":                    synthetic.Function{Seen: 2},
		"synthetic: Elman: 65 Letters; want 2 to 64":                                       synthetic.Elman{Reading: synthetic.Reading{Letters: 65}},
		"synthetic: LSTM: a Length of -1; want 1 or more":                                  synthetic.LSTM{Reading: synthetic.Reading{Length: -1}},
		"synthetic: Transformer: 3 Heads; want a divisor of Hidden, 16":                    synthetic.Transformer{Heads: 3},
		"synthetic: Transformer: Layers of -1; want 1 or more":                             synthetic.Transformer{Layers: -1},
		"synthetic: LSTM: a text of 3 letters; want more than Length, 8":                   synthetic.LSTM{Reading: synthetic.Reading{Text: opticks.Number([]byte("abc"))}},
	} {
		_, err := f.Sample(0)
		require.EqualError(t, err, want)
	}
	_, err := synthetic.Teacher{Student: synthetic.Student{Hidden: []int{2}, Activation: "step"}}.Sample(0)
	require.ErrorContains(t, err, `no activation "step"`)
	_, err = synthetic.Clusters{Student: synthetic.Student{Init: "zero"}}.Sample(0)
	require.ErrorContains(t, err, `no init "zero"`)
}
