package compose_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// net has tensors of all numbers of dimensions.
var net = params.Layout{
	{Name: "w0", Shape: []int{4, 3}}, {Name: "b0", Shape: []int{5}}, {Name: "gain", Shape: []int{1}}, {Name: "kernel", Shape: []int{2, 3, 2}},
}

// walk returns where a rule takes weights along the gradients of an episode, in float64.
func walk(t *testing.T, r learnedopt.Rule, theta params.Layout, steps, horizon int) [][]float64 {
	t.Helper()
	return along(t, r, nil, theta, steps, horizon)
}

// along is walk with meta-parameters, those of the episode if nil.
func along(t *testing.T, r learnedopt.Rule, phi []float32, theta params.Layout, steps, horizon int) [][]float64 {
	t.Helper()
	c, err := learnedopt.CompileWith[float64](r, theta, learnedopt.Options{Reference: true})
	require.NoError(t, err)
	e := ruletest.NewEpisode(c, r, steps)
	if phi != nil {
		e.Phi = params.Convert[float64](phi)
	}
	state, step := make([]float64, c.State().Len()), make([]float64, theta.Len())
	require.NoError(t, c.Start(state, e.Phi))
	var path [][]float64
	for s := range steps {
		p := learnedopt.Point[float64]{
			Phi: e.Phi, State: state, Grad: e.Grads[s], Theta: e.Theta, Loss: e.Loss[s], Step: s, Horizon: horizon,
		}
		require.NoError(t, c.Step(step, state, p))
		for i := range step {
			e.Theta[i] += step[i]
		}
		path = append(path, append([]float64(nil), e.Theta...))
	}
	return path
}

// inside are rules of each scope, with states of all kinds.
func inside() map[string]learnedopt.Rule {
	return map[string]learnedopt.Rule{
		"adam": &handmade.Adam{LR: 0.1}, "lstm": &lstm.Rule{Hidden: 3, Layers: 1}, "adafacmlp": &mlp.AdafacMLP{Step: 0.1},
		"muon": new(handmade.Muon), "dowg": &handmade.DoWG{First: 0.1},
	}
}

// Compositions that change nothing are the rule inside.
func TestIdentities(t *testing.T) {
	for name, r := range inside() {
		x := compose.Of(r)
		for what, c := range map[string]learnedopt.Rule{
			"sum of one":                 &compose.Sum{Terms: []compose.Term{{Rule: x}}},
			"graft with itself":          twins{&compose.Graft{Direction: x, Length: x}},
			"graft of all with itself":   twins{&compose.Graft{Direction: x, Length: x, Per: "all"}},
			"constant schedule":          &compose.Schedule{Rule: x, Shape: "constant"},
			"schedule to 1":              &compose.Schedule{Rule: x, End: 1},
			"schedule without a horizon": &compose.Schedule{Rule: x, Warmup: 0.5},
			"at its own rate":            &compose.Rated{Rule: x},
			"clip of nothing":            &compose.Clip{Rule: x, GradNorm: 1e9, GradValue: 1e9, StepNorm: 1e9, StepRMS: 1e9, Per: "tensor"},
			"the same for all":           &compose.Groups{Rest: x, Groups: []compose.Group{{Rule: x}}},
			"nested": &compose.Sum{Terms: []compose.Term{
				{Rule: compose.Of(&compose.Schedule{Rule: x, Shape: "constant"})},
			}},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				horizon := 8
				if what == "schedule without a horizon" {
					horizon = 0
				}
				want, got := walk(t, r, net, 8, horizon), walk(t, c, net, 8, horizon)
				for s := range want {
					require.InDeltaSlice(t, want[s], got[s], 1e-12, "step %d", s)
				}
			})
		}
	}
}

// The same rule for each of several groups is the rule for all, unless it sees all tensors together; and what a tensor has learned
// from is its own group's phi.
func TestGroups(t *testing.T) {
	for name, r := range inside() {
		if r.Spec().Scope == learnedopt.Whole {
			continue
		}
		x := compose.Of(r)
		g := &compose.Groups{
			Rest: x, Groups: []compose.Group{{Names: "w?", Rule: x}, {MinDims: 2, Rule: x}, {Names: "g*n", Rule: x}},
		}
		want, got := walk(t, r, net, 6, 6), walk(t, twins{g}, net, 6, 6)
		for s := range want {
			require.InDeltaSlice(t, want[s], got[s], 1e-12, "%s, step %d", name, s)
		}
	}
	mixed := &compose.Groups{Groups: []compose.Group{{Names: "b*", Rule: compose.Of(&handmade.Adam{LR: 0.1})}}, Rest: compose.Of(new(handmade.Muon))}
	adam, muon, got := walk(t, &handmade.Adam{LR: 0.1}, net, 6, 6), walk(t, new(handmade.Muon), net, 6, 6), walk(t, mixed, net, 6, 6)
	require.InDeltaSlice(t, muon[5][:12], got[5][:12], 1e-12)
	require.InDeltaSlice(t, adam[5][12:17], got[5][12:17], 1e-12)
	require.InDeltaSlice(t, muon[5][17:], got[5][17:], 1e-12)
}

// twins are a composition of one rule several times over, all with the phi that it has alone.
type twins struct{ learnedopt.Rule }

func (x twins) Init(phi []float32, key uint64) {
	one := x.Rule
	switch c := x.Rule.(type) {
	case *compose.Groups:
		one = c.Rest.Rule
	case *compose.Graft:
		one = c.Length.Rule
	}
	for n := one.Spec().Phi.Len(); len(phi) > 0; phi = phi[n:] {
		one.Init(phi[:n], key)
	}
}

// A tensor has the memory of its own rule alone.
func TestGroupsRememberNoMoreThanNeeded(t *testing.T) {
	r := &compose.Groups{Groups: []compose.Group{{MinDims: 2, Rule: compose.Of(&handmade.SGD{})}}}
	n, err := learnedopt.StateLen(r, net, 1)
	require.NoError(t, err)
	require.Equal(t, 2*(2*3)+2, n, "two averages of six numbers, and the steps that two tensors took")
}

// Names fit patterns as everybody thinks they do.
func TestPatterns(t *testing.T) {
	theta := params.Layout{{Name: "layer1/weight", Shape: []int{2}}}
	for pattern, fits := range map[string]bool{
		"": true, "*": true, "layer1/weight": true, "layer?/weight": true, "*weight": true, "layer*": true, "*er*igh*": true, "**": true,
		"weight": false, "layer1": false, "?": false, "*bias": false, "layer1/weight?": false, "layer??/weight": false, "l*r1": false,
	} {
		r := &compose.Groups{Groups: []compose.Group{{Names: pattern, Rule: compose.Of(&handmade.SGD{})}}}
		n, err := learnedopt.StateLen(r, theta, 1)
		require.NoError(t, err)
		require.Equal(t, fits, n == 0, "%q", pattern)
	}
}

// Gradient descent with a decay goes where the formula says.
func TestDecayOfGradientDescent(t *testing.T) {
	const rate, decay, steps = 0.125, 0.25, 5
	r := &compose.Decay{Rule: compose.Of(&handmade.SGD{LR: rate}), Decay: decay}
	opt, err := learnedopt.New(r, nil, params.Layout{{Name: "w", Shape: []int{2}}})
	require.NoError(t, err)
	theta, grad := []float32{3, -2}, []float32{1, 4}
	for range steps {
		require.NoError(t, opt.Step(theta, grad))
	}
	for i, from := range []float64{3, -2} { // theta ← (1−λ)·theta − rate·g
		kept := math.Pow(1-decay, steps)
		require.InDelta(t, kept*from-rate*float64(grad[i])*(1-kept)/decay, theta[i], 1e-6)
	}
}

// The steps of gradient descent on a gradient of 1 show the factor of a schedule.
func TestScheduleFormula(t *testing.T) {
	const horizon = 10
	for config, want := range map[string]func(t float64) float64{
		`{"shape":"linear"}`:                           func(t float64) float64 { return 1 - t/10 },
		`{"shape":"linear","end":0.5}`:                 func(t float64) float64 { return 1 - 0.5*t/10 },
		`{"shape":"linear","steps":4}`:                 func(t float64) float64 { return max(0, 1-t/4) },
		`{"shape":"constant","warmup":4}`:              func(t float64) float64 { return min(1, (t+1)/4) },
		`{"shape":"constant","warmup":0.2,"steps":20}`: func(t float64) float64 { return min(1, (t+1)/4) },
		`{"warmup":0.2,"end":0.1}`: func(t float64) float64 {
			return min(1, (t+1)/2) * (0.1 + 0.9*(1+math.Cos(math.Pi*max(0, t-2)/8))/2)
		},
		`{}`: func(t float64) float64 { return (1 + math.Cos(math.Pi*t/10)) / 2 },
	} {
		r := &compose.Schedule{Rule: compose.Of(&handmade.SGD{LR: 1})}
		require.NoError(t, json.Unmarshal([]byte(config), r))
		c, err := learnedopt.Compile[float32](r, params.Layout{{Name: "w", Shape: []int{1}}})
		require.NoError(t, err)
		for s := range horizon {
			step := make([]float32, 1)
			p := learnedopt.Point[float32]{Phi: learnedopt.Phi(r, 0), Grad: []float32{-1}, Step: s, Horizon: horizon}
			require.NoError(t, c.Step(step, nil, p))
			require.InDelta(t, want(float64(s)), step[0], 1e-6, "%s at %d", config, s)
		}
	}
}

// length is that of each tensor's part of a vector.
func length(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

// first returns a rule's first step of two vectors, of 3 and 4, and 6 and 8.
func first(t *testing.T, r learnedopt.Rule) []float64 {
	t.Helper()
	c, err := learnedopt.Compile[float64](r, params.Layout{{Name: "a", Shape: []int{2}}, {Name: "b", Shape: []int{2}}})
	require.NoError(t, err)
	phi, step, state := params.Convert[float64](learnedopt.Phi(r, 0)), make([]float64, 4), make([]float64, c.State().Len())
	p := learnedopt.Point[float64]{Phi: phi, State: state, Grad: []float64{-3, -4, 6, 8}, Theta: make([]float64, 4)}
	require.NoError(t, c.Step(step, state, p))
	return step
}

// What is clipped is as long as allowed, and has the direction that it had.
func TestClip(t *testing.T) {
	sgd := compose.Of(&handmade.SGD{LR: 1})
	for _, tt := range []struct {
		rule compose.Clip
		want []float64
	}{
		{compose.Clip{GradNorm: 1, Per: "tensor"}, []float64{0.6, 0.8, -0.6, -0.8}},
		{compose.Clip{GradNorm: 7, Per: "tensor"}, []float64{3, 4, -4.2, -5.6}},
		{compose.Clip{GradNorm: math.Sqrt(125) / 2}, []float64{1.5, 2, -3, -4}},
		{compose.Clip{GradValue: 3.5}, []float64{3, 3.5, -3.5, -3.5}},
		{compose.Clip{StepNorm: math.Sqrt(125) / 2}, []float64{1.5, 2, -3, -4}},
		{compose.Clip{StepRMS: math.Sqrt(125) / 4}, []float64{1.5, 2, -3, -4}},
		{compose.Clip{StepRMS: 1 / math.Sqrt2, Per: "tensor"}, []float64{0.6, 0.8, -0.6, -0.8}},
		{compose.Clip{StepNorm: 100, StepRMS: 100}, []float64{3, 4, -6, -8}},
	} {
		tt.rule.Rule = sgd
		require.InDeltaSlice(t, tt.want, first(t, &tt.rule), 1e-6, "%+v", tt.rule)
	}
	require.InDelta(t, 1, length(first(t, &compose.Clip{Rule: sgd})), 1e-6, "by default to 1")
}

// A graft has the direction of one step and the length of another, of each tensor or of all.
func TestGraft(t *testing.T) {
	sign, sgd := compose.Of(&handmade.Lion{LR: 0.1}), compose.Of(&handmade.SGD{LR: 1})
	for per, want := range map[string][]float64{
		"tensor": {5 / math.Sqrt2, 5 / math.Sqrt2, -10 / math.Sqrt2, -10 / math.Sqrt2},
		"all":    {math.Sqrt(125) / 2, math.Sqrt(125) / 2, -math.Sqrt(125) / 2, -math.Sqrt(125) / 2},
	} {
		require.InDeltaSlice(t, want, first(t, &compose.Graft{Direction: sign, Length: sgd, Per: per}), 1e-6, per)
	}
}

// A sum adds steps up by their weights.
func TestSum(t *testing.T) {
	sgd := compose.Of(&handmade.SGD{LR: 1})
	r := &compose.Sum{Terms: []compose.Term{{Rule: sgd, Weight: 2}, {Rule: sgd, Weight: -0.5}}}
	require.InDeltaSlice(t, []float64{4.5, 6, -9, -12}, first(t, r), 1e-6)
}

// A composition is worded by the rules in it.
func TestText(t *testing.T) {
	require.Equal(t, "sgd", compose.Text(&handmade.SGD{}))
	require.Equal(t, "groups(decay(adam), sgd)", compose.Text(&compose.Groups{
		Groups: []compose.Group{{Rule: compose.Of(&compose.Decay{})}}, Rest: compose.Of(&handmade.SGD{}),
	}))
}

// A rule in another sees the whole net, whose depth the general rule goes by.
func TestInnerRulesSeeTheNet(t *testing.T) {
	general := new(mlp.General)
	phi := learnedopt.Phi(general, 3)
	for i := range params.Slice(general.Spec().Phi, phi, "controls") {
		phi[len(phi)-1-i] = 0.3
	}
	r := &compose.Schedule{Rule: compose.Of(general), Shape: "constant"}
	require.Equal(t, along(t, general, phi, net, 3, 8), along(t, r, phi, net, 3, 8))
}

// In the frame of the general rule, the direction of Celo2 is the general rule, where they are the same perceptron: of Celo2's three
// outputs one is looked at. (Of matrices with more rows than columns the two take averages of other axes.)
func TestControlledPerceptronIsGeneral(t *testing.T) {
	layout := params.Layout{{Name: "w", Shape: []int{4, 6}}, {Name: "b", Shape: []int{5}}, {Name: "v", Shape: []int{2, 7}}}
	for _, horizon := range []string{"known", "free", "either"} {
		general := &mlp.General{Horizon: horizon, LR: 3, Decay: 0.2}
		framed := &compose.Controlled{Rule: compose.Of(&mlp.Celo2{LR: 0.01}), Horizon: horizon, LR: 3, Decay: 0.2}
		phi := learnedopt.Phi(general, 3)
		for i := range phi { // all of the controller has a say
			phi[i] += 0.1 * float32(i%3)
		}
		same := make([]float32, framed.Spec().Phi.Len())
		for _, s := range general.Spec().Phi {
			from := params.Slice(general.Spec().Phi, phi, s.Name)
			name := s.Name
			if framed.Spec().Phi.Index(name) < 0 {
				name = "rule." + name
			}
			to := params.Slice(framed.Spec().Phi, same, name)
			for i, x := range from {
				to[i*len(to)/len(from)] = x
			}
		}
		for _, told := range []int{0, 8} {
			want, got := along(t, general, phi, layout, 8, told), along(t, framed, same, layout, 8, told)
			for s := range want {
				require.InDeltaSlice(t, want[s], got[s], 1e-6, "%s, told %d, step %d", horizon, told, s)
			}
		}
	}
}

// At another rate a rule's first step is so many times as long, and told another length of the run, or none, it does what it does there.
func TestRated(t *testing.T) {
	for told, rated := range map[int]compose.Rated{0: {Untold: true}, 10: {Told: 0.5}, 20: {}, 60: {Told: 3}} {
		t.Run(fmt.Sprint(told), func(t *testing.T) { testRated(t, told, rated) })
	}
	for _, r := range []compose.Rated{{Told: -1}, {Told: 2, Untold: true}} {
		require.ErrorContains(t, r.Validate(), "told")
	}
}

func testRated(t *testing.T, told int, rated compose.Rated) {
	for name, in := range map[string]learnedopt.Rule{"adam": &handmade.Adam{LR: 0.1}, "general": new(mlp.General), "lstm": &lstm.Rule{Hidden: 4, Layers: 1}} {
		r := compose.Of(in)
		for _, o := range []learnedopt.Options{{}, {Reference: true}} {
			c, err := learnedopt.CompileWith[float32](in, net, o)
			require.NoError(t, err)
			rated.Rule, rated.Rate = r, 3
			changed, err := learnedopt.CompileWith[float32](&rated, net, o)
			require.NoError(t, err)
			e := ruletest.NewEpisode(c, in, 2)
			want, got := make([]float32, net.Len()), make([]float32, net.Len())
			a, b := make([]float32, c.State().Len()), make([]float32, c.State().Len())
			p := learnedopt.Point[float32]{Phi: e.Phi, Theta: e.Theta}
			for p.Step = range 2 {
				p.Grad, p.State, p.Horizon = e.Grads[p.Step], a, told
				require.NoError(t, c.Step(want, a, p))
				p.State, p.Horizon = b, 20
				require.NoError(t, changed.Step(got, b, p))
				for i := range want {
					require.InDelta(t, 3*want[i], got[i], 1e-5*math.Abs(float64(want[i])), "%s, weight %d", name, i)
				}
			}
		}
	}
}
