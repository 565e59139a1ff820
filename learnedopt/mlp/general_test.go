package mlp_test

import (
	"cmp"
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

// learned are the 344 numbers of a rule of default size that has been learned.
func learned(t testing.TB) []float32 {
	raw, err := os.ReadFile("testdata/general.f32")
	require.NoError(t, err)
	phi := make([]float32, len(raw)/4)
	for i := range phi {
		phi[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	require.Len(t, phi, new(mlp.General).Spec().Phi.Len())
	return phi
}

// A witness takes the steps of General again, number by number in float64.
type witness struct {
	phi     []float64
	decay   float64
	horizon int // 0: free
	depth   int
	outputs float64 // what the controllers see of them; NaN if they do not, and the decay is not learned
	part    float64 // what rates are multiplied with; 1 if zero
	widest  int     // columns beyond which first steps are shorter; 0: all are as they are
}

// A witnessed is what it keeps of one tensor, a matrix of rows by cols or a vector.
type witnessed struct {
	rows, cols int
	vector     bool
	m          [3][]float64
	v          []float64
	row, col   [3][]float64
}

var witnessDecays = [3]float64{.9, .99, .999}

func newWitnessed(shape []int) *witnessed {
	w := &witnessed{rows: 1, cols: shape[len(shape)-1], vector: len(shape) == 1}
	for _, n := range shape[:len(shape)-1] {
		w.rows *= n
	}
	n := w.rows * w.cols
	w.v = make([]float64, n)
	for k := range 3 {
		w.m[k], w.row[k], w.col[k] = make([]float64, n), make([]float64, w.rows), make([]float64, w.cols)
	}
	return w
}

// average takes all averages of g.
func (w *witnessed) average(g []float64) {
	for k, b := range witnessDecays {
		row, col := make([]float64, w.rows), make([]float64, w.cols)
		for i, x := range g {
			w.m[k][i] = b*w.m[k][i] + (1-b)*x
			row[i/w.cols] += (x*x + 1e-30) / float64(w.cols)
			col[i%w.cols] += (x*x + 1e-30) / float64(w.rows)
		}
		for i := range row {
			w.row[k][i] = b*w.row[k][i] + (1-b)*row[i]
		}
		for i := range col {
			w.col[k][i] = b*w.col[k][i] + (1-b)*col[i]
		}
	}
	for i, x := range g {
		w.v[i] = .95*w.v[i] + .05*x*x
	}
}

// features are what the perceptron sees of coordinate i, before they are divided by their sizes.
func (w *witnessed) features(i int, g, theta float64) [30]float64 {
	r, c := i/w.cols, i%w.cols
	root := 1 / math.Sqrt(w.v[i]+1e-8)
	f := [30]float64{0: g, 1: min(max(g, -.1), .1), 2: theta, 6: w.v[i], 10: root, 14: g * root}
	for k := range 3 {
		m := w.m[k][i]
		f[3+k], f[7+k] = m, m*root
		if w.vector {
			f[11+k] = g / math.Sqrt(w.col[k][c]+1e-9)
			continue
		}
		mean := 0.0
		for _, x := range w.row[k] {
			mean += x / float64(w.rows)
		}
		row, col := w.row[k][r], w.col[k][c]
		scale := 1 / math.Sqrt(max(row/(mean+1e-9), 1e-9)) / math.Sqrt(max(col, 1e-9))
		f[11+k], f[15+k], f[18+k] = g*scale, row, col
		f[21+k], f[24+k], f[27+k] = 1/math.Sqrt(row+1e-8), 1/math.Sqrt(col+1e-8), m*scale
	}
	return f
}

// direction is the perceptron's output.
func (w witness) direction(f [30]float64) float64 {
	layer := func(x, weights, bias []float64) []float64 {
		y := append([]float64{}, bias...)
		for i, v := range x {
			for j := range y {
				y[j] += v * weights[i*len(y)+j]
			}
		}
		return y
	}
	relu := func(x []float64) []float64 {
		for i := range x {
			x[i] = max(x[i], 0)
		}
		return x
	}
	p := w.phi
	h := relu(layer(f[:], p[:240], p[240:248]))
	return layer(relu(layer(h, p[248:312], p[312:320])), p[320:328], p[328:329])[0]
}

// factor is the controller's, 1e-3 of it the rate.
func (w witness) factor(phi []float64, x *witnessed, theta, g []float64, t int) float64 {
	knots, s, at := []float64{0, .03, .1, .3, .6, .9, 1}, phi[:7], float64(t)/float64(w.horizon)
	c := phi[7:]
	v := 0.0
	if w.horizon == 0 {
		knots, at = []float64{0, 1, 1.5, 2, 2.5, 3, 4}, math.Log10(float64(t+1))
	} else {
		v, c = c[0]*math.Log10(float64(w.horizon)/300), c[1:]
	}
	switch k := 0; {
	case at >= knots[6]:
		v += s[6]
	default:
		for at >= knots[k+1] {
			k++
		}
		u := (at - knots[k]) / (knots[k+1] - knots[k])
		v += s[k]*(1-u) + s[k+1]*u
	}
	n := float64(len(g))
	v += c[0] * (math.Log(math.Sqrt(sumSquares(theta)/n)+.01) + 2.3) / 2
	if x.vector {
		v += c[2]
	} else {
		v += c[1] * math.Log(float64(x.rows)/64) / 2
	}
	v += c[3]*math.Exp(-float64(t)/10) + c[4]*math.Log(float64(w.depth)/3)
	for k, shift := range []float64{1, 1.5} {
		unbias := 1 - math.Pow(witnessDecays[k], float64(t+1))
		l := .5 * math.Log((sumSquares(x.m[k])/unbias/unbias+1e-22*n)/(sumSquares(g)+1e-20*n))
		v += c[5+k] * .5 * (min(max(l, -4), 1) + shift)
	}
	if !math.IsNaN(w.outputs) {
		v += c[7] * w.outputs
	}
	return math.Exp(min(max(5*v, -8), 8))
}

// first is what the rate of a tensor of so many columns is multiplied with; the last matrix has 18.
func (w witness) first(cols, t int) float64 {
	if w.widest == 0 || cols <= w.widest || cols == 18 {
		return 1
	}
	return math.Pow(float64(w.widest)/float64(cols), math.Exp(-float64(t)/10))
}

func sumSquares(x []float64) (s float64) {
	for _, v := range x {
		s += v * v
	}
	return s
}

// step moves the weights of one tensor.
func (w witness) step(x *witnessed, theta, grad []float64, t int) {
	g := make([]float64, len(grad))
	for i := range g {
		g[i] = min(max(grad[i], -1000), 1000)
	}
	x.average(g)
	seen := make([][30]float64, len(g))
	var sizes [30]float64
	for i := range g {
		seen[i] = x.features(i, g[i], theta[i])
		for k, v := range seen[i] {
			sizes[k] += v * v / float64(len(g))
		}
	}
	d := make([]float64, len(g))
	for i := range g {
		for k := range seen[i] {
			seen[i][k] /= math.Sqrt(sizes[k] + 1e-9)
		}
		d[i] = w.direction(seen[i])
	}
	rate, size, decay := 1e-3*cmp.Or(w.part, 1)*w.first(x.cols, t)*w.factor(w.phi[329:], x, theta, g, t), math.Sqrt(sumSquares(d)/float64(len(d))+1e-9), w.decay
	if !math.IsNaN(w.outputs) {
		decay += w.factor(w.phi[345:], x, theta, g, t)
	}
	for i := range theta {
		theta[i] -= rate * (d[i]/size + decay*theta[i])
	}
}

// With weights that have been learned, the rule takes the steps that its formulas give number by number: on matrices of both
// forms, a vector and the filters of a convolution, with gradients beyond the limit, and past the end of the schedule.
func TestGeneralIsItsFormula(t *testing.T) {
	theta := params.Layout{
		{Name: "wide", Shape: []int{5, 7}}, {Name: "b", Shape: []int{7}}, {Name: "tall", Shape: []int{9, 2}},
		{Name: "k", Shape: []int{2, 3, 4}}, {Name: "rows", Shape: []int{70, 18}},
	}
	for name, r := range map[string]*mlp.General{
		"known": {Decay: .2}, "free": {Decay: .2, Horizon: "free"}, "decay": {Decay: .2, LearnedDecay: true, Outputs: true},
		"many outputs": {Decay: .2, LearnedDecay: true, Outputs: true, MostOutputs: 17},
		"wide":         {Decay: .2, Widest: 2},
	} {
		t.Run(name, func(t *testing.T) {
			phi := params.Convert[float64](learned(t))
			w := witness{phi: phi, decay: .2, horizon: 10, depth: 4, outputs: math.NaN()}
			if r.LearnedDecay { // the last matrix has 18 columns
				phi = slices.Concat(phi, []float64{-.3}, []float64{.1, .3, -.2, .1, .2, -.1, -.3, .2, -.4, .1, .3, -.2, .1, .2, -.1, .4})
				w.phi, w.outputs = phi, math.Log(1.8)/2
			}
			if r.MostOutputs > 0 {
				w.outputs, w.part = math.Log(1.7)/2, math.Sqrt(17./18)
			}
			w.widest = r.Widest
			if r.Horizon == "free" {
				phi = append(phi[:336:336], phi[337:]...)
				w.phi, w.horizon = phi, 0
			}
			followWitness(t, r, theta, w, learnedopt.Options{Reference: true}, phi, 1e-10)
			followWitness(t, r, theta, w, learnedopt.Options{}, params.Convert[float32](phi), 1e-5)
		})
	}
}

// With a schedule for either case the rule does, bit for bit, what a rule with this schedule alone does.
func TestEitherScheduleIsFollowedAlone(t *testing.T) {
	layout := params.Layout{{Name: "w", Shape: []int{9, 11}}, {Name: "b", Shape: []int{11}}}
	told := learned(t)
	untold := slices.Concat(told[:329], []float32{.3, .1, -.2, .4, 0, -.1, -.5}, told[337:])
	both := slices.Concat(told[:336], untold[329:336], told[336:])
	for name, x := range map[string]struct {
		alone   *mlp.General
		phi     []float32
		horizon int
	}{"told": {&mlp.General{}, told, 25}, "untold": {&mlp.General{Horizon: "free"}, untold, 0}} {
		t.Run(name, func(t *testing.T) {
			want := general(t, x.alone, layout, x.phi, x.horizon)
			require.Equal(t, want, general(t, &mlp.General{Horizon: "either"}, layout, both, x.horizon))
			require.NotEqual(t, want, general(t, &mlp.General{Horizon: "either"}, layout, both, 25-x.horizon))
		})
	}
}

// general returns the weights after a few steps.
func general(t *testing.T, r *mlp.General, layout params.Layout, phi []float32, horizon int) []float32 {
	c, err := learnedopt.CompileWith[float32](r, layout, learnedopt.Options{})
	require.NoError(t, err)
	n := layout.Len()
	theta, grad, step, state := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, c.State().Len())
	for k := range 30 {
		rng.Normal(grad, rng.Split(1, uint64(k)), 1)
		p := learnedopt.Point[float32]{Phi: phi, State: state, Grad: grad, Theta: theta, Step: k, Horizon: horizon}
		require.NoError(t, c.Step(step, state, p))
		for i, x := range step {
			theta[i] += x
		}
	}
	return theta
}

func followWitness[F params.Float](
	t *testing.T, r *mlp.General, layout params.Layout, w witness, o learnedopt.Options, phi []F, tol float64,
) {
	c, err := learnedopt.CompileWith[F](r, layout, o)
	require.NoError(t, err)
	var tensors []*witnessed
	for _, s := range layout {
		tensors = append(tensors, newWitnessed(s.Shape))
	}
	n := layout.Len()
	want, theta, grad, step := make([]float64, n), make([]F, n), make([]F, n), make([]F, n)
	rng.Normal(theta, 3, .3)
	copy(want, params.Convert[float64](theta))
	state := make([]F, c.State().Len())
	for k := range 12 {
		rng.Normal(grad, rng.Split(5, uint64(k)), math.Exp(float64(k-4)))
		for i := range grad {
			grad[i] = F(float32(grad[i]))
		}
		p := learnedopt.Point[F]{Phi: phi, State: state, Grad: grad, Theta: theta, Step: k, Horizon: 10}
		require.NoError(t, c.Step(step, state, p))
		at := 0
		for i, s := range layout {
			to := at + s.Len()
			w.step(tensors[i], want[at:to], params.Convert[float64](grad[at:to]), k)
			at = to
		}
		for i := range theta {
			theta[i] += step[i]
			require.InDelta(t, want[i], float64(theta[i]), tol*max(1, math.Abs(want[i])), "weight %d after step %d", i, k)
		}
	}
}

// In runs that are four times as long as the longest, rates are half of what they were, and so they are in those of a quarter of the
// shortest; in others, and where nobody knows, they are as they were. With four outputs, where two are
// the most, they are √½ of it, and never less than half.
func TestLimitedRates(t *testing.T) {
	for config, want := range map[mlp.General]map[int]float64{
		{Longest: 50}:                  {0: 1, 1: 1, 50: 1, 51: math.Sqrt(50. / 51), 200: .5, 5000: .1},
		{Shortest: 100}:                {0: 1, 1: .1, 25: .5, 99: math.Sqrt(.99), 100: 1, 5000: 1},
		{Shortest: 100, Longest: 400}:  {0: 1, 1: .1, 100: 1, 200: 1, 400: 1, 1600: .5},
		{MostOutputs: 4}:               {0: 1, 7: 1},
		{MostOutputs: 2}:               {0: math.Sqrt(.5), 7: math.Sqrt(.5)},
		{MostOutputs: 1, Shortest: 28}: {0: .5, 7: .25, 50: .5},
	} {
		for length, part := range want {
			whole, limited := mlp.General{Horizon: "either"}, config
			limited.Horizon = "either"
			steps := [2][]float64{stepOf(t, &whole, length), stepOf(t, &limited, length)}
			for i, w := range steps[0] {
				require.InDelta(t, w*part, steps[1][i], 1e-12*math.Abs(w), "%+v: %d steps", config, length)
			}
		}
	}
	require.ErrorContains(t, (&mlp.General{Longest: -1}).Validate(), "longest is -1, want a number of at least 0")
	require.ErrorContains(t, (&mlp.General{Widest: -1}).Validate(), "widest is -1, want a number of at least 0")
	require.ErrorContains(t, (&mlp.General{MostOutputs: -1}).Validate(), "most_outputs is -1, want a number of at least 0")
	require.ErrorContains(t, (&mlp.General{Shortest: -1}).Validate(), "shortest is -1, want a number of at least 0")
}

// stepOf is the first step of a rule as it begins, in a run of a length.
func stepOf(t *testing.T, r *mlp.General, length int) []float64 {
	theta, grad := params.Layout{{Name: "w", Shape: []int{5, 4}}}, make([]float64, 20)
	rng.Normal(grad, 1, 1)
	phi := params.Convert[float64](learnedopt.Phi(r, 1))
	c, err := learnedopt.Compile[float64](r, theta)
	require.NoError(t, err)
	step, state := make([]float64, 20), make([]float64, c.State().Len())
	require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: grad, Theta: grad, Horizon: length}))
	return step
}

// Where nothing is learned yet, scaled rates are even ones times the power of each: T, the size of a tensor's weights, rows, depth.
func TestScaledStart(t *testing.T) {
	layout := params.Layout{{Name: "w", Shape: []int{5, 4}}, {Name: "v", Shape: []int{4, 6}}, {Name: "b", Shape: []int{6}}}
	theta, grad := make([]float64, layout.Len()), make([]float64, layout.Len())
	rng.Normal(theta, 1, .3)
	rng.Normal(grad, 2, 1)
	for horizon, lengths := range map[string][]int{"known": {20, 300, 3000}, "either": {0, 20}, "free": {0}} {
		for _, length := range lengths {
			steps := map[string][]float64{}
			for _, start := range []string{"", "even", "scaled"} {
				r := &mlp.General{Horizon: horizon, Outputs: true, Start: start}
				c, err := learnedopt.Compile[float64](r, layout)
				require.NoError(t, err)
				step, state := make([]float64, len(theta)), make([]float64, c.State().Len())
				p := learnedopt.Point[float64]{Phi: params.Convert[float64](learnedopt.Phi(r, 1)), State: state, Grad: grad, Theta: theta, Horizon: length}
				require.NoError(t, c.Step(step, state, p))
				steps[start] = step
			}
			require.Equal(t, steps[""], steps["even"])
			all := 1.5 // of depth 2
			if length > 0 {
				all *= math.Pow(float64(length)/300, -.25)
			}
			for i, s := range layout {
				weights, squares := params.Slice(layout, theta, s.Name), 0.0
				for _, x := range weights {
					squares += x * x / float64(len(weights))
				}
				want := all * math.Sqrt((math.Sqrt(squares)+.01)/math.Exp(-2.3))
				if i < 2 {
					want /= math.Sqrt(float64(s.Shape[0]) / 64)
				}
				even, scaled := params.Slice(layout, steps["even"], s.Name), params.Slice(layout, steps["scaled"], s.Name)
				for j, x := range even {
					require.InEpsilon(t, want*x, scaled[j], 1e-6, "%s, %d steps, %s", horizon, length, s.Name)
				}
			}
		}
	}
	require.ErrorContains(t, (&mlp.General{Start: "odd"}).Validate(), `start is "odd", want "even" or "scaled"`)
}
