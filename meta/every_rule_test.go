package meta_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// small are configurations of rules for which the meta-gradient is checked otherwise than at their defaults: networks of a
// few units, and steps of a length at which a derivative stands out of rounding errors. DoG at LR = 1 has a first step as long
// as r, where the greater of the two has no derivative. Celo2's units are as many as leave no rectifier at its kink.
var small = map[string][]string{
	"lion":         {`{"lr":0.02,"decay":0.1}`},
	"adafactor":    {`{"lr":0.03,"momentum":0.8,"decay":0.1,"min_factored":2}`},
	"radam":        {`{"lr":0.05,"beta1":0.8,"beta2":0.9,"eps":0.01}`},
	"nadam":        {`{"lr":0.05,"beta1":0.8,"beta2":0.9,"eps":0.01}`},
	"yogi":         {`{"lr":0.05,"beta1":0.8,"beta2":0.9,"eps":0.01}`},
	"adabelief":    {`{"lr":0.05,"beta1":0.8,"beta2":0.9,"eps":0.01}`},
	"lamb":         {`{"lr":0.05,"beta1":0.8,"beta2":0.9,"eps":0.01,"decay":0.1}`},
	"schedulefree": {`{"lr":0.05,"beta1":0.8,"beta2":0.9,"eps":0.01,"decay":0.1,"warmup":3}`},
	"muon":         {`{"lr":0.05,"momentum":0.8,"beta1":0.8,"beta2":0.9,"eps":0.01,"decay":0.1}`},
	"dog":          {`{"lr":0.7,"start":"distance","first":0.1,"eps":0.01,"decay":0.1}`},
	"dowg":         {`{"lr":0.7,"first":0.1,"eps":0.01}`},
	"prodigy":      {`{"lr":0.7,"beta1":0.8,"beta2":0.9,"eps":0.01,"first":0.1,"decay":0.1}`},
	"mechanic":     {`{"rule":{"name":"adam","config":{"beta1":0.8,"beta2":0.9,"eps":0.01}},"first":0.1,"decay":0.1}`},
	"adam":         {`{"lr":0.05,"beta1":0.8,"beta2":0.9,"eps":0.01,"eps_root":0.01}`},
	"lstm":         {`{"hidden":3,"layers":1}`, `{"hidden":3,"layers":2,"preprocess":-1}`},
	"lstm-gac":     {`{"hidden":3,"layers":2,"averaged":2}`, `{"hidden":3,"layers":1,"preprocess":-1}`},
	"lolv2":        {`{"hidden":3,"step":0.1}`},
	"adafacmlp":    {`{"hidden":3,"step":0.1}`},
	"star":         {`{"hidden":3,"step":0.1,"nominal":0.1,"weight_decay":0.1,"controllers":true}`, `{"hidden":3,"step":0.1,"nominal":0.1,"raw":true}`},
	"celo2":        {`{"hidden":5,"lr":0.05,"weight_decay":0.1,"newton_schulz":true,"adam_vectors":true}`, `{"hidden":4,"lr":0.05}`},
	"rnnprop":      {`{"hidden":3,"layers":1}`},
	"celo":         {`{"hidden":3,"lstm":2}`},
	"celoadam":     {`{"lstm":2}`},
	"nnadam":       {`{"lstm":2,"lr":0.05}`},
	"rnnmlp":       {`{"lstm":2,"hidden":3,"step":0.1}`},
	"hierarchical": {`{"parameter":2,"tensor":2,"global":2,"lr":0.1}`},
}

// shaped is the family weighed with weights laid out otherwise: what differs between matrices, vectors and numbers is seen.
type shaped struct{ layout params.Layout }

type shapedProblem struct {
	*weighedProblem[float64]
	layout params.Layout
}

func (f shaped) Sample(key uint64) (inner.ProblemOf[float64], error) {
	p, err := weighed[float64]{f.layout.Len()}.Sample(key)
	if err != nil {
		return nil, err
	}
	return shapedProblem{p.(*weighedProblem[float64]), f.layout}, nil
}

func (p shapedProblem) Params() params.Layout { return p.layout }

// Every rule there is that can learn anything has the meta-gradient that central differences give, in float64, in two windows
// of an episode of which the second starts where the first has ended; those that read gradients, first-order and exact.
func TestMetaGradientsOfEveryRule(t *testing.T) {
	neuron := plastic.BooleanOf[float64]{Functions: plastic.Separable(2)[5:6]}
	tensors := shaped{params.Layout{{Name: "w", Shape: []int{3, 2}}, {Name: "s", Shape: []int{1}}, {Name: "b", Shape: []int{3}}}}
	for _, name := range learnedopt.Names() {
		configs := small[name]
		if configs == nil {
			configs = []string{"{}"}
		}
		for _, config := range configs {
			r, err := learnedopt.Named(name, []byte(config))
			require.NoError(t, err)
			switch {
			case r.Spec().Phi.Len() == 0:
			case len(r.Spec().Reads.Senses()) > 0:
				t.Run(name+config, func(t *testing.T) { checkTwoWindows(t, r, neuron, true) })
			default:
				t.Run(name+config, func(t *testing.T) { checkTwoWindows(t, r, tensors, false) })
				t.Run(name+config+", exact", func(t *testing.T) { checkTwoWindows(t, r, tensors, true) })
			}
		}
	}
}

// checkTwoWindows checks a rule at a phi near its start, where nothing vanishes.
func checkTwoWindows(t *testing.T, r learnedopt.Rule, family inner.FamilyOf[float64], exact bool) {
	t.Helper()
	const window, key = 4, 5
	problem, err := family.Sample(rng.Split(key, 0))
	require.NoError(t, err)
	_, synaptic := problem.(inner.SynapticOf[float64])
	b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
		Rule: r, Family: family, Horizon: 2 * window, Window: window, Exact: exact && !synaptic,
	})
	require.NoError(t, err)
	phi := params.Convert[float64](learnedopt.Phi(r, 2))
	shake := make([]float64, len(phi))
	rng.Normal(shake, 8, 0.1)
	for i, v := range shake {
		phi[i] += v
	}
	u := estimatortest.Unroll{Rule: r, Problem: problem, Theta: make([]float64, problem.Params().Len()), Horizon: 2 * window}
	problem.Init(u.Theta, rng.Split(key, 1))
	grad := make([]float64, len(phi))
	for call := range uint64(2) {
		est, err := b.Estimate(context.Background(), grad, phi, key+call)
		require.NoError(t, err)
		u.Batches = nil
		for i := range uint64(window + 1) {
			u.Batches = append(u.Batches, rng.Split(rng.Split(key, 2), uint64(u.Before)+i))
		}
		loss, _ := u.Loss(t, phi, nil)
		require.InEpsilon(t, loss, est.Loss, 1e-12)
		require.NotEqual(t, make([]float64, len(grad)), grad)
		u.CheckGradient(t, grad, phi, exact, 1e-5)
		u.Theta, u.State = u.End(t, phi)
		u.Before += window
	}
}
