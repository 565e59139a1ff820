package identify

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

func TestRuleNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rule.safetensors")
	zoo, err := learnedopt.Load("zoo:lstm-mnist8")
	require.NoError(t, err)
	require.NoError(t, zoo.Save(path))
	for name, want := range map[string][2]string{
		"adam": {"backprop", "adam"}, "fa": {"fa", "momentum"}, "dfa+sgd": {"dfa", "sgd"}, "sign-symmetry": {"sign-symmetry", "momentum"},
		"lstm-mnist8": {"backprop", "lstm"}, "fa+lstm-mnist8-fa": {"fa", "lstm"}, path: {"backprop", "lstm"}, "fa+" + path: {"fa", "lstm"},
		"backprop": {"backprop", "momentum"}, "dfa+hebb": {"dfa", "hebb"},
	} {
		r, err := FindRule(name)
		require.NoError(t, err, name)
		assert.Equal(t, [3]string{name, want[0], want[1]}, [3]string{r.Name, r.Credit, r.With(r.Rate(1)).Rule.Name()})
	}
	for name, want := range map[string]string{
		"":                      `no optimizer ""; want CREDIT+OPTIMIZER`,
		"adamant":               `no optimizer "adamant"; want CREDIT+OPTIMIZER`,
		"fa+adamant":            `no optimizer "adamant"`,
		"fo+adam":               `no rule "fo"`,
		"./nothing.safetensors": "no such file",
	} {
		_, err := FindRule(name)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
	}
}

func TestRates(t *testing.T) {
	for _, o := range optimizers {
		r, err := FindRule(o.name)
		require.NoError(t, err)
		low, high := math.Inf(1), 0.0
		for key := range uint64(200) {
			rate := r.Rate(key)
			low, high = min(low, rate), max(high, rate)
			assert.Equal(t, rate, r.Rate(key))
		}
		assert.InEpsilon(t, o.rates[0], low, 0.05)
		assert.InEpsilon(t, o.rates[1], high, 0.05)
	}
	r, err := FindRule("lstm-mnist8")
	require.NoError(t, err)
	assert.Zero(t, r.Rate(1))
}

// Plasticity rules train networks too: the delta rule on what feedback alignment lets a synapse feel moves the weights by
// feedback alignment's signal, as gradient descent does.
func TestPlasticityRules(t *testing.T) {
	run, _ := small(t, "fa+delta")
	felt, err := run.Run(t.Context(), nil)
	require.NoError(t, err)
	trained := run.Rule.With(0)
	require.NotEmpty(t, trained.Rule.Spec().Reads.Senses())

	start := run
	start.Steps = 0
	before, err := start.Run(t.Context(), nil)
	require.NoError(t, err)
	one := run
	one.Steps = 1
	delta, err := one.Run(t.Context(), nil)
	require.NoError(t, err)
	one.Rule, one.Rate = find(t, "fa+sgd")[0], 1
	sgd, err := one.Run(t.Context(), nil)
	require.NoError(t, err)
	var product, a, b float64
	for i, w := range before {
		x, y := float64(delta[i]-w), float64(sgd[i]-w)
		product, a, b = product+x*y, a+x*x, b+y*y
	}
	assert.InDelta(t, 1, product/math.Sqrt(a*b), 1e-4, "the same direction")
	assert.NotEqual(t, before, felt)
}

// A wanting rule reads what networks have not.
type wanting struct{ rule.Rule }

func (w wanting) Spec() rule.Spec {
	s := w.Rule.Spec()
	s.Reads |= rule.Reward
	return s
}

func TestRuleThatReadsWhatIsNotThere(t *testing.T) {
	p := few(t, "sgd", "delta")
	delta := p.Rules[1].With
	p.Rules[1].With = func(lr float64) *learnedopt.Trained { return &learnedopt.Trained{Rule: wanting{delta(lr).Rule}} }
	assert.ErrorContains(t, p.Validate(), "reward")
}

func TestRuleRefusals(t *testing.T) {
	good, err := FindRule("adam")
	require.NoError(t, err)
	for want, change := range map[string]func(*Rule){
		"without a name":  func(r *Rule) { r.Name = "" },
		"an optimizer":    func(r *Rule) { r.With = nil },
		"rates from 2":    func(r *Rule) { r.Rates = [2]float64{2, 1} },
		"rates from 0 to": func(r *Rule) { r.Rates = [2]float64{0, 1} },
		`no rule "x"`:     func(r *Rule) { r.Credit = "x" },
	} {
		r := good
		change(&r)
		assert.ErrorContains(t, r.Validate(), want)
	}
}

// What a rule is trained on is its own problem, if it has one.
func TestOwnProblem(t *testing.T) {
	run, _ := small(t, "fa")
	asked := 0
	run.Rule.Problem = func(f credit.Family) (inner.Problem, error) {
		asked++
		assert.Equal(t, "fa", f.Rule.Name())
		return f.Problem()
	}
	_, err := run.Run(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, asked)
}
