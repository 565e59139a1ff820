package plastic_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/params"
)

const examples, pre, post = 2, 3, 2

var (
	senses = all(examples, pre, post)
	theta  = params.Layout{{Name: "w", Shape: []int{pre, post}}}
)

// taken returns the step of a rule on w [3, 2] and two examples, with phi of its own and everything else drawn by a key.
func taken[F params.Float](t *testing.T, r learnedopt.Rule, phi map[string]float64, key uint64) []F {
	t.Helper()
	c, err := learnedopt.CompileWith[F](r, theta, learnedopt.Options{Senses: senses})
	require.NoError(t, err)
	p := point[F](key)
	p.Phi = numbers[F](t, r, phi)
	step := make([]F, pre*post)
	require.NoError(t, c.Step(step, nil, p))
	return step
}

// numbers lays out phi, all zeros but what is named.
func numbers[F params.Float](t *testing.T, r learnedopt.Rule, named map[string]float64) []F {
	t.Helper()
	l := r.Spec().Phi
	phi := make([]F, l.Len())
	for name, v := range named {
		params.Slice(l, phi, name)[0] = F(v)
	}
	return phi
}

func point[F params.Float](key uint64) (p learnedopt.Point[F]) {
	p.Theta, p.Senses = make([]F, pre*post), make([]F, senses.Len())
	rng.Normal(p.Theta, rng.Split(key, 0), 1)
	rng.Normal(p.Senses, rng.Split(key, 1), 1)
	return p
}

// drawn draws phi for the names of a rule.
func drawn(r learnedopt.Rule, key uint64) map[string]float64 {
	m := make(map[string]float64)
	for i, s := range r.Spec().Phi {
		m[s.Name] = rng.New(rng.Split(key, uint64(i))).NormFloat64()
	}
	return m
}

// A synapse is what one of them feels of one example.
type synapse struct{ w, pre, potential, post, mod, target, reward float64 }

// summed sums a function of single synapses over the examples.
func summed(key uint64, f func(s synapse) float64) []float64 {
	p := point[float64](key)
	of := func(name string) []float64 { return params.Slice(senses, p.Senses, name) }
	sum := make([]float64, pre*post)
	for e := range examples {
		for i := range pre {
			for j := range post {
				at := e*post + j
				sum[i*post+j] += f(synapse{
					w: p.Theta[i*post+j], pre: of("pre.w")[e*pre+i], potential: of("potential.w")[at], post: of("post.w")[at],
					mod: of("mod.w")[at], target: of("target.w")[at], reward: of("reward")[0],
				})
			}
		}
	}
	return sum
}

// Every polynomial is its formula, synapse by synapse.
func TestPolynomialsAreTheirFormulas(t *testing.T) {
	gated := &plastic.ABCD{Reward: true, Baseline: true}
	for _, tt := range []struct {
		rule    learnedopt.Rule
		formula func(p map[string]float64, s synapse) float64
	}{
		{new(plastic.Hebb), func(p map[string]float64, s synapse) float64 { return math.Exp(p["log_rate"]) * s.pre * s.post }},
		{new(plastic.Delta), func(p map[string]float64, s synapse) float64 { return math.Exp(p["log_rate"]) * s.pre * s.mod }},
		{new(plastic.ABCD), func(p map[string]float64, s synapse) float64 {
			return math.Exp(p["log_rate"]) * (p["a"]*s.pre*s.post + p["b"]*s.pre + p["c"]*s.post + p["d"])
		}},
		{gated, func(p map[string]float64, s synapse) float64 {
			gate := (s.reward - p["baseline"]) * math.Exp(p["log_rate"])
			return gate * (p["a"]*s.pre*s.post + p["b"]*s.pre + p["c"]*s.post + p["d"])
		}},
		{new(plastic.Bengio7), func(p map[string]float64, s synapse) float64 {
			return p["one"] + p["pre"]*s.pre + p["potential"]*s.potential + p["mod"]*s.mod + p["pre_mod"]*s.pre*s.mod +
				p["pre_potential"]*s.pre*s.potential + p["pre_weight"]*s.pre*s.w
		}},
		{new(plastic.Bengio16), func(p map[string]float64, s synapse) float64 {
			with := func(name string) float64 { // (a + b·m) for the products called so
				if name == "one" {
					return p["one"] + p["mod"]*s.mod
				}
				return p[name] + p[name+"_mod"]*s.mod
			}
			return with("one") + with("pre")*s.pre + with("potential")*s.potential + with("weight")*s.w +
				with("pre_potential")*s.pre*s.potential + with("pre_weight")*s.pre*s.w + with("potential_weight")*s.potential*s.w +
				with("pre_potential_weight")*s.pre*s.potential*s.w
		}},
	} {
		t.Run(tt.rule.Name(), func(t *testing.T) {
			phi := drawn(tt.rule, 4)
			want := summed(5, func(s synapse) float64 { return tt.formula(phi, s) })
			require.InDeltaSlice(t, want, taken[float64](t, tt.rule, phi, 5), 1e-12)
		})
	}
}

// θ4 alone is the delta rule, in the loops and in the expression.
func TestBengio7WithOneTermIsDelta(t *testing.T) {
	rate := map[string]float64{"pre_mod": 0.3}
	log := map[string]float64{"log_rate": math.Log(0.3)}
	require.InDeltaSlice(t, taken[float64](t, new(plastic.Delta), log, 1), taken[float64](t, new(plastic.Bengio7), rate, 1), 1e-15)
	require.InDeltaSlice(t, taken[float32](t, new(plastic.Delta), log, 1), taken[float32](t, new(plastic.Bengio7), rate, 1), 1e-6)
}

// The form of seven numbers is a part of the form of sixteen, by the names of its numbers.
func TestBengio7IsAPartOfBengio16(t *testing.T) {
	phi := drawn(new(plastic.Bengio7), 2)
	require.Len(t, phi, 7)
	require.Equal(t, 16, new(plastic.Bengio16).Spec().Phi.Len())
	seven, sixteen := taken[float64](t, new(plastic.Bengio7), phi, 3), taken[float64](t, new(plastic.Bengio16), phi, 3)
	require.InDeltaSlice(t, seven, sixteen, 1e-13)
}

// A alone is Hebb's rule, and an open gate changes nothing.
func TestABCDWithOneTermIsHebb(t *testing.T) {
	phi := map[string]float64{"a": 1, "log_rate": math.Log(0.2)}
	want := taken[float64](t, new(plastic.Hebb), map[string]float64{"log_rate": math.Log(0.2)}, 1)
	require.InDeltaSlice(t, want, taken[float64](t, new(plastic.ABCD), phi, 1), 1e-15)

	reward := summed(1, func(s synapse) float64 { return s.reward })[0] / examples
	phi["baseline"] = reward - 1
	require.InDeltaSlice(t, want, taken[float64](t, &plastic.ABCD{Reward: true, Baseline: true}, phi, 1), 1e-15)
}

// Rules that sum terms, or whose network's last layer is zero, move nothing where phi is zero.
func TestZeroPhiMovesNothing(t *testing.T) {
	for _, r := range plastic.All() {
		if name := r.Name(); name == "delta" || name == "hebb" {
			continue // whose rate is e^phi
		}
		if d, ok := r.(*plastic.Distributed); ok {
			d.Pre, d.Post = pre, post
		}
		require.Equal(t, make([]float32, pre*post), unsigned(taken[float32](t, r, nil, 1)), r.Name())
	}
	r := new(plastic.Runarsson)
	phi := learnedopt.Phi(r, 1)
	clear(phi[5*4:]) // the last layer
	c, err := learnedopt.CompileWith[float32](r, theta, learnedopt.Options{Senses: senses})
	require.NoError(t, err)
	p, step := point[float32](1), make([]float32, pre*post)
	p.Phi = phi
	require.NoError(t, c.Step(step, nil, p))
	require.Equal(t, make([]float32, pre*post), unsigned(step))
}

// unsigned takes the sign from zeros.
func unsigned(v []float32) []float32 {
	for i := range v {
		v[i] += 0
	}
	return v
}

// perceptron is a network written down once more: phi end to end, and one question.
func perceptron(phi []float64, hidden, outputs int, x ...float64) []float64 {
	out := slices.Clone(phi[len(phi)-outputs:])
	for h := range hidden {
		u := phi[hidden*len(x)+h]
		for k, v := range x {
			u += phi[h*len(x)+k] * v
		}
		for o := range out {
			out[o] += phi[hidden*(len(x)+1)+o*hidden+h] * math.Tanh(u)
		}
	}
	return out
}

// filled returns a step with all of phi drawn, and phi.
func filled(t *testing.T, r learnedopt.Rule, theta, senses params.Layout, p learnedopt.Point[float64]) (step, phi []float64) {
	t.Helper()
	c, err := learnedopt.CompileWith[float64](r, theta, learnedopt.Options{Senses: senses})
	require.NoError(t, err)
	p.Phi, step = make([]float64, c.Phi().Len()), make([]float64, theta.Len())
	rng.Normal(p.Phi, 8, 1)
	require.NoError(t, c.Step(step, nil, p))
	return step, p.Phi
}

func TestRunarssonIsItsFormula(t *testing.T) {
	require.Equal(t, 25, new(plastic.Runarsson).Spec().Phi.Len())
	for inputs, third := range map[string]func(s synapse) float64{
		"target": func(s synapse) float64 { return s.target },
		"mod":    func(s synapse) float64 { return s.mod },
		"reward": func(s synapse) float64 { return s.reward },
	} {
		got, phi := filled(t, &plastic.Runarsson{Inputs: inputs, Hidden: 3, Scale: 0.4}, theta, senses, point[float64](6))
		want := summed(6, func(s synapse) float64 { return 0.4 * perceptron(phi, 3, 1, s.pre, s.post, third(s), s.w)[0] })
		require.InDeltaSlice(t, want, got, 1e-12, inputs)
	}
}

func TestDistributedIsItsFormula(t *testing.T) {
	p := point[float64](7)
	got, phi := filled(t, &plastic.Distributed{Pre: pre, Post: post, Hidden: 5, Scale: 0.3}, theta, senses, p)
	want := make([]float64, pre*post)
	for e := range examples {
		y, m := params.Slice(senses, p.Senses, "pre.w"), params.Slice(senses, p.Senses, "mod.w")
		x := slices.Concat(y[e*pre:(e+1)*pre], m[e*post:(e+1)*post])
		for i, d := range perceptron(phi, 5, pre*post, x...) {
			want[i] += 0.3 * d
		}
	}
	require.InDeltaSlice(t, want, got, 1e-12)
}

func TestDistributedFitsOneSize(t *testing.T) {
	bind := func(shape ...int) error {
		w := params.Layout{{Name: "w", Shape: shape}}
		before, behind := 1, shape[len(shape)-1]
		if len(shape) == 2 {
			before = shape[0]
		}
		_, err := learnedopt.CompileWith[float32](new(plastic.Distributed), w, learnedopt.Options{Senses: all(1, before, behind)})
		return err
	}
	require.NoError(t, bind(3, 1))
	const configured = "; it is configured for pre 3 and post 1"
	require.EqualError(t, bind(3, 2), "learnedopt: distributed: weights w[3 2] are between 3 and 2 neurons"+configured)
	require.EqualError(t, bind(3), "learnedopt: distributed: weights w[3] are between 1 and 3 neurons"+configured)
}

// withBias are two layers, the first with biases, and what they feel.
func withBias() (theta, senses params.Layout) {
	theta = params.Layout{{Name: "w0", Shape: []int{2, 2}}, {Name: "b0", Shape: []int{2}}, {Name: "w1", Shape: []int{2, 1}}}
	for _, s := range []struct {
		name string
		n    int
	}{
		{"pre.w0", 2}, {"potential.w0", 2}, {"pre.b0", 1}, {"potential.b0", 2}, {"pre.w1", 2}, {"potential.w1", 1},
	} {
		senses = append(senses, params.Spec{Name: s.name, Shape: []int{1, s.n}})
	}
	return theta, senses
}

func TestOrchardIsItsFormula(t *testing.T) {
	theta, senses := withBias()
	p := learnedopt.Point[float64]{
		Theta:  []float64{1, -0.5, 0.3, 0.2, 0.7, -0.6, 0.4, 0.1},
		Senses: []float64{0.5, -1, 0.8, 1.5, 1, 0.8, 1.5, 0.3, -0.2, 0.9},
	}
	r := &plastic.Orchard{WeightScale: 0.1, BiasScale: 0.2}
	got, phi := filled(t, r, theta, senses, p)
	require.Len(t, phi, 38)
	weight := func(w, y, x, b float64) float64 { return 0.1 * math.Tanh(perceptron(phi[:25], 4, 1, w, y, x, b)[0]) }
	bias := func(x, b float64) float64 { return 0.2 * math.Tanh(perceptron(phi[25:], 3, 1, x, b)[0]) }
	require.InDeltaSlice(t, []float64{
		weight(1, 0.5, 0.8, 0.7), weight(-0.5, 0.5, 1.5, -0.6), weight(0.3, -1, 0.8, 0.7), weight(0.2, -1, 1.5, -0.6),
		bias(0.8, 0.7), bias(1.5, -0.6),
		weight(0.4, 0.3, 0.9, 0), weight(0.1, -0.2, 0.9, 0),
	}, got, 1e-12)
}

// No step is longer than its scale, and no weight leaves its range; one that is beyond it is brought back.
func TestOrchardStaysInBounds(t *testing.T) {
	theta, senses := withBias()
	c, err := learnedopt.CompileWith[float64](new(plastic.Orchard), theta, learnedopt.Options{Senses: senses})
	require.NoError(t, err)
	limits := []float64{15, 15, 15, 15, 166, 166, 15, 15}
	p := learnedopt.Point[float64]{Phi: make([]float64, 38), Theta: make([]float64, 8), Senses: make([]float64, senses.Len())}
	step := make([]float64, 8)
	for key := range uint64(50) {
		rng.Normal(p.Phi, rng.Split(key, 0), 100)
		rng.Normal(p.Senses, rng.Split(key, 1), 100)
		rng.Uniform(p.Theta, rng.Split(key, 2), -1, 1)
		for i, most := range limits {
			p.Theta[i] = math.Copysign(most-0.002*math.Abs(p.Theta[i]), p.Theta[i])
		}
		require.NoError(t, c.Step(step, nil, p))
		for i, d := range step {
			most := 0.005
			if limits[i] > 100 {
				most = 0.008
			}
			require.LessOrEqual(t, math.Abs(d), most+1e-12)
			require.LessOrEqual(t, math.Abs(p.Theta[i]+d), limits[i]+1e-12)
		}
	}
	p.Theta[0], p.Theta[4] = 20, -200
	require.NoError(t, c.Step(step, nil, p))
	require.InDelta(t, -5, step[0], 0.01)
	require.InDelta(t, 34, step[4], 0.01)
}

func TestOrchardRefusesBiasesOfOthers(t *testing.T) {
	theta := params.Layout{{Name: "w0", Shape: []int{2, 2}}, {Name: "b0", Shape: []int{3}}}
	senses := params.Layout{
		{Name: "pre.w0", Shape: []int{1, 2}}, {Name: "potential.w0", Shape: []int{1, 2}},
		{Name: "pre.b0", Shape: []int{1, 1}}, {Name: "potential.b0", Shape: []int{1, 3}},
	}
	_, err := learnedopt.CompileWith[float32](new(plastic.Orchard), theta, learnedopt.Options{Senses: senses})
	require.EqualError(t, err, "learnedopt: orchard: 3 biases b0[3] for weights w0[2 2]; want one for each postsynaptic neuron")
}

// Phi starts where the configuration, or its documented default, says.
func TestStarts(t *testing.T) {
	for want, r := range map[float64]learnedopt.Rule{
		0.01: new(plastic.Hebb), 0.3: &plastic.Hebb{Rate: 0.3}, 0.1: new(plastic.Delta), 2: &plastic.Delta{Rate: 2},
	} {
		require.InDelta(t, math.Log(want), learnedopt.Phi(r, 3)[0], 1e-6)
	}
	spread := func(r learnedopt.Rule, from, to int) float64 {
		sum, n := 0.0, 0
		for key := range uint64(500) {
			for _, v := range learnedopt.Phi(r, key)[from:to] {
				sum += float64(v) * float64(v)
				n++
			}
		}
		return math.Sqrt(sum / float64(n))
	}
	require.InEpsilon(t, 0.1, spread(new(plastic.Bengio7), 0, 7), 0.05)
	require.InEpsilon(t, 0.5, spread(&plastic.Bengio7{Std: 0.5}, 0, 7), 0.05)
	require.InEpsilon(t, 0.1, spread(new(plastic.Bengio16), 0, 16), 0.05)
	require.InEpsilon(t, 2, spread(&plastic.Bengio16{Std: 2}, 0, 16), 0.05)
	require.InEpsilon(t, 0.1, spread(new(plastic.ABCD), 0, 4), 0.05)
	abcd := learnedopt.Phi(&plastic.ABCD{Rate: 0.7, Reward: true, Baseline: true}, 1)
	require.InDelta(t, math.Log(0.7), abcd[4], 1e-6)
	require.Zero(t, abcd[5])
	for _, r := range []learnedopt.Rule{new(plastic.Runarsson), new(plastic.Orchard)} {
		require.InEpsilon(t, 0.5, spread(r, 0, 16), 0.05)  // four inputs
		require.InEpsilon(t, 0.5, spread(r, 20, 24), 0.06) // four hidden units
		require.Zero(t, spread(r, 16, 20))
		require.Zero(t, spread(r, 24, 25))
	}
}
