package meta_test

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// Meta-gradients are right in float64, where central differences can tell, and in use in float32, which runs on kernels
// and carries whole windows back. These tests hold the second to the first: the same rule, phi, problems and keys in both
// precisions.

// weighed is a family of problems with random starts on which it shows whether a step is asked about its own weights and
// its own minibatch: a quadratic q and ripples, more or less of them from one minibatch k to the next,
//
//	f(θ; k) = w(k) (q(θ) − Σ_i cos θ_i)
type weighed[F params.Float] struct{ dim int }

type weighedProblem[F params.Float] struct {
	inner.ProblemOf[F]
	curvature inner.CurvatureOf[F]
}

func (f weighed[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	p, err := inner.QuadraticOf[F]{Dim: f.dim}.Sample(key)
	return &weighedProblem[F]{p, p.(inner.CurvatureOf[F])}, err
}

func (p *weighedProblem[F]) Init(theta []F, key uint64) { rng.Normal(theta, key, 1) }

func (p *weighedProblem[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	loss, err := p.ProblemOf.Eval(grad, theta, key)
	w := weightOf(key)
	for i, x := range theta {
		loss -= math.Cos(float64(x))
		if grad != nil {
			grad[i] = F(w) * (grad[i] + F(math.Sin(float64(x))))
		}
	}
	return w * loss, err
}

func (p *weighedProblem[F]) HessianVector(dst, theta, v []F, key uint64) error {
	err := p.curvature.HessianVector(dst, theta, v, key)
	for i, x := range theta {
		dst[i] = F(weightOf(key)) * (dst[i] + F(math.Cos(float64(x)))*v[i])
	}
	return err
}

// weightOf is between a half and one and a half.
func weightOf(key uint64) float64 { return 0.5 + rng.New(key).Float64() }

// unrolls are ways to cut an episode into windows, of few coordinates and of so many that they come in groups of blocks.
var unrolls = []struct{ horizon, window, copies int }{
	{12, 4, 1},
	{10, 4, 1}, // the last window is shorter
	{7, 3, 3},
	{5, 5, 2},
	{3, 1, 1},
	{4, 3, 45},
}

// twoPrecisions makes calls of the same estimator in float32 and float64 and requires the same of both: counts to the
// last, losses and gradients to a tolerance five times and more what the rounding of float32 comes to. The
// difference of each tensor is taken relative to the tensor, or to a quarter of the whole where that is more: sums may cancel.
func twoPrecisions(t *testing.T, c meta.BPTTConfig, double inner.FamilyOf[float64], calls uint64) {
	t.Helper()
	single, err := meta.NewBPTT(c)
	require.NoError(t, err)
	reference, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
		Rule: c.Rule, Family: double, Horizon: c.Horizon, Window: c.Window, Copies: c.Copies, Exact: c.Exact,
	})
	require.NoError(t, err)
	phi := learnedopt.Phi(c.Rule, 2)
	got, want := make([]float32, len(phi)), make([]float64, len(phi))
	for call := range calls {
		est, err := single.Estimate(context.Background(), got, phi, call)
		require.NoError(t, err)
		wantEst, err := reference.Estimate(context.Background(), want, params.Convert[float64](phi), call)
		require.NoError(t, err)
		require.InEpsilon(t, wantEst.Loss, est.Loss, 1e-4, "call %d", call)
		require.Equal(t, wantEst.Steps, est.Steps)
		require.Equal(t, wantEst.Episodes, est.Episodes)
		requireSameGradient(t, single.Phi(), want, params.Convert[float64](got), fmt.Sprintf("call %d", call))
	}
}

func requireSameGradient(t *testing.T, layout params.Layout, want, got []float64, what string) {
	t.Helper()
	require.Positive(t, size(want), what)
	gots := params.Split(layout, got)
	for i, w := range params.Split(layout, want) {
		require.LessOrEqual(t, distance(w, gots[i]), 1e-4*max(size(w), size(want)/4), "%s: %s", what, layout[i].Name)
	}
}

func distance(a, b []float64) float64 {
	off := make([]float64, len(a))
	for i := range a {
		off[i] = a[i] - b[i]
	}
	return size(off)
}

// lstms run on kernels, in several sizes.
var lstms = []*lstm.Rule{
	{},
	{Hidden: 8, Layers: 1, Preprocess: -1, Scale: 0.03},
	{Hidden: 4, Layers: 3, Preprocess: 3},
	{Hidden: 12, Layers: 2, Scale: 0.2},
}

// Seven calls go well into the second episode, from whose first window on a forgotten reset shows.
func TestWindowsOnKernelsMatchTheGraph(t *testing.T) {
	for i, r := range lstms {
		for _, u := range unrolls {
			t.Run(fmt.Sprintf("lstm %d/%d of %d, %d copies", i, u.window, u.horizon, u.copies), func(t *testing.T) {
				c := meta.BPTTConfig{Rule: r, Family: weighed[float32]{25}, Horizon: u.horizon, Window: u.window, Copies: u.copies}
				twoPrecisions(t, c, weighed[float64]{25}, 7)
			})
		}
	}
}

// The steps of every rule run on kernels where it has some; first-order and exact.
func TestStepsOnKernelsMatchTheGraph(t *testing.T) {
	for name, r := range rules() {
		for _, exact := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/exact=%v", name, exact), func(t *testing.T) {
				c := meta.BPTTConfig{Rule: r, Family: weighed[float32]{5}, Horizon: 7, Window: 4, Copies: 2, Exact: exact}
				twoPrecisions(t, c, weighed[float64]{5}, 4)
			})
		}
	}
}

// Under a credit rule the rule steps on a signal, and how good its steps were is a matter of the derivative.
func TestWindowsOnKernelsOnASignal(t *testing.T) {
	for i, r := range lstms {
		for _, u := range unrolls[:4] {
			t.Run(fmt.Sprintf("lstm %d/%d of %d, %d copies", i, u.window, u.horizon, u.copies), func(t *testing.T) {
				c := meta.BPTTConfig{
					Rule: r, Family: onSignal[float32](t, credit.DirectOf[float32]{}), Horizon: u.horizon, Window: u.window, Copies: u.copies,
				}
				twoPrecisions(t, c, onSignal[float64](t, credit.DirectOf[float64]{}), 5)
			})
		}
	}
}

// partly is a family whose derivative is that of coordinate i alone, and zero elsewhere: it lets the meta-gradient see
// what one coordinate has to do with it. The steps are made of the whole gradient.
type partly[F params.Float] struct {
	inner.FamilyOf[F]
	i int
}

type partlyProblem[F params.Float] struct {
	inner.ProblemOf[F]
	i int
}

func (f partly[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	p, err := f.FamilyOf.Sample(key)
	return partlyProblem[F]{p, f.i}, err
}

func (p partlyProblem[F]) Derivative(dst, theta []F, key uint64) error {
	_, err := p.Eval(dst, theta, key)
	kept := dst[p.i]
	clear(dst)
	dst[p.i] = kept
	return err
}

// parts returns what each of n coordinates has to do with the meta-gradient in each of three windows, [coordinate][window].
func parts(t *testing.T, r learnedopt.Rule, phi []float32, n, horizon, window int) [][3][]float64 {
	t.Helper()
	all := make([][3][]float64, n)
	for i := range all {
		b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
			Rule: r, Family: partly[float64]{weighed[float64]{n}, i}, Horizon: horizon, Window: window,
		})
		require.NoError(t, err)
		for w := range all[i] {
			all[i][w] = make([]float64, len(phi))
			_, err := b.Estimate(context.Background(), all[i][w], params.Convert[float64](phi), episodeKey)
			require.NoError(t, err)
		}
	}
	return all
}

const episodeKey = 4

// chosen finds the m of n coordinates, as bits, whose parts in window w have n/m times the sum grad; 0 if there are none.
func chosen(grad []float32, parts [][3][]float64, w int) (set uint) {
	got := params.Convert[float64](grad)
	for set := uint(1); set < 1<<len(parts); set++ {
		sum := make([]float64, len(got))
		for i, part := range parts {
			for k := range sum {
				sum[k] += float64(set>>i&1) * part[w][k] * float64(len(parts)) / float64(bits.OnesCount(set))
			}
		}
		if distance(sum, got) < 1e-4*size(sum) {
			return set
		}
	}
	return 0
}

// The gradient over two of five coordinates is 5/2 times the sum of what some two have to do with it, to the digits that
// float32 has, in every window; and each of the ten pairs is drawn as often as any other.
func TestFractionIsTheSumOverAPair(t *testing.T) {
	const n, horizon, window = 5, 7, 3
	for _, r := range lstms[:2] {
		phi := learnedopt.Phi(r, 2)
		parts := parts(t, r, phi, n, horizon, window)
		b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: weighed[float32]{n}, Horizon: horizon, Window: window, Fraction: 0.4})
		require.NoError(t, err)
		drawn, grad := map[uint]int{}, make([]float32, len(phi))
		const episodes = 100
		for draw := range uint64(episodes) {
			require.NoError(t, restore(b, snapshot{}))
			for w := range 3 {
				key := uint64(episodeKey)
				if w > 0 {
					key = 1000 + 3*draw + uint64(w) // of the sample
				}
				_, err := b.Estimate(context.Background(), grad, phi, key)
				require.NoError(t, err)
				pair := chosen(grad, parts, w)
				require.Equal(t, 2, bits.OnesCount(pair), "window %d", w)
				if w > 0 {
					drawn[pair]++
				}
			}
		}
		require.Len(t, drawn, 10)
		for pair, count := range drawn { // 20 expected, the standard deviation is √18
			require.InDelta(t, 20, count, 17, "%b", pair)
		}
	}
}

// A fraction is rounded to a number of coordinates, of which there is one at least.
func TestCoordinatesOfAFraction(t *testing.T) {
	r := lstms[2]
	phi := learnedopt.Phi(r, 2)
	parts := parts(t, r, phi, 5, 4, 4)
	for fraction, want := range map[float64]int{1e-9: 1, 0.2: 1, 0.29: 1, 0.31: 2, 0.5: 3, 0.89: 4, 0.91: 5, 1: 5, 0: 5} {
		b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: weighed[float32]{5}, Horizon: 4, Window: 4, Fraction: fraction})
		require.NoError(t, err)
		grad := make([]float32, len(phi))
		_, err = b.Estimate(context.Background(), grad, phi, episodeKey)
		require.NoError(t, err)
		require.Equal(t, want, bits.OnesCount(chosen(grad, parts, 0)), "fraction %v", fraction)
	}
}
