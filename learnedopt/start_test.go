package learnedopt_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/params"
)

// An LSTM starts from the uniform distribution on ±1/√Hidden, PyTorch's default: no number is outside, some come close to
// both ends, and mean and variance are those of that distribution, each tensor for itself.
func TestStartOfTheLSTM(t *testing.T) {
	for _, r := range []*lstm.Rule{{}, {Hidden: 100, Layers: 1}, {Hidden: 32, Layers: 3, Preprocess: -1}} {
		hidden := map[int]float64{0: 20, 100: 100, 32: 32}[r.Hidden]
		a := 1 / math.Sqrt(hidden)
		var all []float64
		for key := range uint64(30) {
			phi := params.Convert[float64](learnedopt.Phi(r, key))
			all = append(all, phi...)
			for i, tensor := range params.Split(r.Spec().Phi, phi) {
				if len(tensor) < 1000 {
					continue
				}
				requireUniform(t, r.Spec().Phi[i].Name, tensor, a)
			}
		}
		requireUniform(t, fmt.Sprint("lstm of ", hidden), all, a)
	}
}

// requireUniform checks that numbers look like draws from the uniform distribution on ±a, of variance a²/3: four standard
// errors of mean and variance, and the largest of n draws within 20/n of the end.
func requireUniform(t *testing.T, what string, v []float64, a float64) {
	t.Helper()
	n := float64(len(v))
	var mean, square float64
	for _, x := range v {
		mean += x / n
		square += x * x / n
	}
	require.LessOrEqual(t, slices.Max(v), a*(1+1e-6), what)
	require.GreaterOrEqual(t, slices.Min(v), -a*(1+1e-6), what)
	require.Greater(t, slices.Max(v), a*(1-20/n), what)
	require.Less(t, slices.Min(v), -a*(1-20/n), what)
	require.InDelta(t, 0, mean, 4.5*a/math.Sqrt(3*n), what)
	require.InDelta(t, a*a/3, square, 4.5*a*a*math.Sqrt(4./45/n), what)
}

// configurations are settings of every rule, each other than the default.
var configurations = map[string][]string{
	"sgd":         {`{"lr":0.5}`},
	"momentum":    {`{"lr":0.5,"momentum":0.3}`},
	"nag":         {`{"lr":0.5,"momentum":0.3}`},
	"rmsprop":     {`{"lr":0.5,"alpha":0.3,"eps":0.01}`},
	"adam":        {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01}`, `{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01,"eps_root":0.1}`},
	"adamw":       {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01,"decay":0.2}`},
	"rmsmomentum": {`{"lr":0.5,"beta":0.3}`},
	"polyak":      {`{"scale":0.5,"floor":0.2,"beta":0.3}`},
	"static":      {`{}`},
	"hebb":        {`{"rate":0.5}`},
	"delta":       {`{"rate":0.5}`},
	"abcd":        {`{"rate":0.5,"init":0.3,"reward":true,"baseline":true}`, `{"rate":0.2,"init":0.3,"reward":true,"baseline":false}`},
	"bengio7":     {`{"init":0.5,"forget":true}`},
	"bengio16":    {`{"init":0.5}`},
	"runarsson":   {`{"hidden":7,"inputs":"mod","scale":0.5,"init":0.3}`, `{"hidden":1,"inputs":"reward","scale":0.5,"init":0.3}`},
	"distributed": {`{"pre":3,"post":1,"hidden":7,"scale":0.5,"init":0.3}`},
	"formula":     {`{"formula":"0.5*pre*(target - post) - 0.1*reward*weight"}`},
	"orchard":     {`{"weight_scale":0.5,"bias_scale":0.3,"weight_limit":2,"bias_limit":3,"init":0.3}`},
	"lstm":        {`{"hidden":8,"layers":3,"scale":0.5,"preprocess":3}`, `{"hidden":3,"layers":1,"scale":2,"preprocess":-1}`},

	"lion":         {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"decay":0.2}`},
	"adafactor":    {`{"lr":0.5,"exponent":0.3,"momentum":0.4,"decay":0.2,"min_factored":2}`},
	"radam":        {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01}`},
	"nadam":        {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01}`},
	"yogi":         {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01}`},
	"adabelief":    {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01}`},
	"lamb":         {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01,"decay":0.2}`},
	"schedulefree": {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01,"decay":0.2,"warmup":2}`},
	"muon":         {`{"lr":0.5,"momentum":0.2,"beta1":0.3,"beta2":0.4,"eps":0.01,"decay":0.2,"plain":true}`},
	"dog":          {`{"lr":0.5,"start":"distance","first":0.3,"eps":0.01,"decay":0.2}`, `{"lr":0.5,"start":"rate","first":0.3,"eps":0.01,"decay":0}`},
	"dowg":         {`{"lr":0.5,"first":0.3,"eps":0.01}`},
	"prodigy":      {`{"lr":0.5,"beta1":0.3,"beta2":0.4,"eps":0.01,"first":0.2,"growth":2,"decay":0.2,"safeguard":true}`},
	"mechanic":     {`{"rule":{"name":"adam","config":{"lr":1,"beta1":0.3,"beta2":0.4,"eps":0.01}},"first":0.5,"decay":0.2}`},
	"sum":          {`{"terms":[{"rule":{"name":"sgd","config":{"lr":0.5}},"weight":-2},{"rule":{"name":"sgd","config":{"lr":0.5}},"weight":0.5}]}`},
	"graft":        {`{"direction":{"name":"sgd","config":{"lr":0.5}},"length":{"name":"sgd","config":{"lr":0.75}},"per":"all"}`},
	"groups":       {`{"groups":[{"names":"w*","min_dims":2,"rule":{"name":"sgd","config":{"lr":0.25}}},{"names":"?","min_dims":1,"rule":{"name":"sgd","config":{"lr":3}}}],"rest":{"name":"sgd","config":{"lr":0.5}}}`},
	"decay":        {`{"rule":{"name":"sgd","config":{"lr":0.5}},"decay":0.2}`},
	"schedule":     {`{"rule":{"name":"sgd","config":{"lr":0.5}},"shape":"linear","warmup":0.3,"steps":7,"end":0.1}`},
	"clip":         {`{"rule":{"name":"sgd","config":{"lr":0.5}},"grad_value":0.5,"grad_norm":0.6,"step_norm":0.7,"step_rms":0.8,"per":"tensor"}`},
	"controlled":   {`{"rule":{"name":"sgd","config":{"lr":0.5}},"lr":0.5,"weight_decay":0.1,"horizon":"either"}`},
	"rated":        {`{"rule":{"name":"sgd","config":{"lr":0.5}},"rate":0.5,"told":1,"untold":true}`},
	"lolv2":        {`{"hidden":3,"step":0.1}`},
	"adafacmlp":    {`{"hidden":32,"step":0.01}`},
	"star":         {`{"hidden":3,"step":0.1,"nominal":-1,"weight_decay":0.1,"raw":true,"controllers":true}`},
	"celo2":        {`{"hidden":3,"lr":0.1,"weight_decay":0.1,"newton_schulz":true,"adam_vectors":true}`},
	"lstm-gac":     {`{"hidden":3,"layers":1,"scale":0.5,"preprocess":-1,"averaged":2}`},
	"general":      {`{"hidden":3,"lr":0.7,"weight_decay":0.1,"horizon":"free","learned_decay":false,"outputs":true,"most_outputs":9,"longest":9,"shortest":0,"widest":0}`, `{"hidden":8,"lr":1,"weight_decay":0,"horizon":"either","learned_decay":true,"outputs":true,"most_outputs":9,"longest":500,"shortest":20,"widest":3}`},
	"rnnprop":      {`{"hidden":3,"layers":1,"beta":0.9,"step":0.3}`},
	"celo":         {`{"hidden":3,"lstm":5,"unscheduled":true}`},
	"celoadam":     {`{"lstm":5}`},
	"nnadam":       {`{"lstm":5,"lr":0.01,"decay":0.5}`},
	"hierarchical": {`{"parameter":2,"tensor":3,"global":4,"lr":0.1}`},
	"rnnmlp":       {`{"lstm":5,"hidden":3,"step":0.1,"scalars":true}`},
}

// Whatever can be configured can be saved, and what has been saved can be read back: the same rule, phi and provenance,
// which take the same steps.
func TestEveryRuleIsReadBack(t *testing.T) {
	for _, name := range learnedopt.Names() {
		require.NotEmpty(t, configurations[name])
		for _, config := range append(configurations[name], "", "{}") {
			t.Run(name+config, func(t *testing.T) {
				rule, err := learnedopt.Named(name, json.RawMessage(config))
				require.NoError(t, err)
				path := filepath.Join(t.TempDir(), "rule.safetensors")
				saved := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 5), Provenance: map[string]string{"problem": "bowl", "seed": "7"}}
				require.NoError(t, saved.Save(path))
				loaded, err := learnedopt.Load(path)
				require.NoError(t, err)
				require.Equal(t, saved.Phi, loaded.Phi)
				require.Equal(t, saved.Provenance, loaded.Provenance)
				require.IsType(t, rule, loaded.Rule)
				want, err := json.Marshal(rule)
				require.NoError(t, err)
				got, err := json.Marshal(loaded.Rule)
				require.NoError(t, err)
				require.JSONEq(t, string(want), string(got))
				require.Equal(t, steps(t, saved, 3), steps(t, loaded, 3))
				if config != "" && config != "{}" {
					require.JSONEq(t, config, string(got), "every setting is kept")
					plain, err := learnedopt.Named(name, nil)
					require.NoError(t, err)
					require.NotEqual(t, steps(t, saved, 3), steps(t, &learnedopt.Trained{Rule: plain, Phi: learnedopt.Phi(plain, 5)}, 3))
				}
			})
		}
	}
}

// steps returns where a rule takes some weights.
func steps(t *testing.T, r *learnedopt.Trained, n int) []float32 {
	t.Helper()
	if len(r.Rule.Spec().Reads.Senses()) > 0 {
		return feltSteps(t, r, n)
	}
	opt, err := r.New(vector(3))
	require.NoError(t, err)
	theta := []float32{1, -1, 0.5}
	for s := range n {
		require.NoError(t, opt.StepLoss(theta, []float32{0.3, -2, float32(s)}, 1.5))
	}
	return theta
}
