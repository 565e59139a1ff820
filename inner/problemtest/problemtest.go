// Package problemtest holds the laws that every problem obeys, to be run by the tests of any package that has one:
//
//	func TestMine(t *testing.T) {
//		problemtest.Run(t, mine.FamilyOf[float64]{}, problemtest.Options{Varies: problemtest.Start | problemtest.Batch})
//		problemtest.Agree(t, mine.FamilyOf[float32]{}, mine.FamilyOf[float64]{})
//	}
//
// Derivatives are compared with central differences, hence the float64 instance.
package problemtest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// Keys says which keys of a family matter. Where one does, different keys must give different results; where it does
// not, the same.
type Keys uint8

const (
	Function Keys = 1 << iota // Sample's: each names another function
	Start                     // Init's: each names another start
	Batch                     // Eval's: each names another minibatch
)

// Options are what is not the same for all families.
type Options struct {
	Varies    Keys
	Allocates bool    // Eval and HessianVector may allocate memory in the steady state
	Spread    float64 // standard deviation of the points around a start at which derivatives are checked; 0.3 if zero
}

// The tolerances of the laws.
const (
	step        = 1e-5 // of a central difference
	firstTol    = 1e-6 // of a gradient, relative
	secondTol   = 1e-6 // of a product with the Hessian, relative
	symmetryTol = 1e-9 // of u·Hv = v·Hu, relative
	singleTol   = 1e-4 // of float32 against float64, relative
)

// Run checks every law on a few members of the family, each law a subtest.
func Run(t *testing.T, f inner.FamilyOf[float64], o Options) {
	t.Helper()
	l := laws{family: f, Options: o}
	if l.Spread == 0 {
		l.Spread = 0.3
	}
	for _, law := range []struct {
		name  string
		check func(*testing.T)
	}{
		{"layout", l.layout},
		{"same keys, same numbers", l.deterministic},
		{"other keys, other numbers", l.varies},
		{"inputs are only read", l.readsOnly},
		{"outputs are overwritten", l.overwrites},
		{"the loss does not depend on grad", l.lossAlone},
		{"gradient", l.gradient},
		{"Hessian times vector", l.hessian},
		{"test loss", l.testLoss},
		{"not finite in, not finite out", l.notFinite},
		{"wrong lengths panic", l.lengths},
		{"allocations", l.allocations},
	} {
		t.Run(law.name, law.check)
	}
}

// Agree checks that a family gives the same functions, starts, losses and gradients in both element types, up to the
// precision of float32.
func Agree(t *testing.T, single inner.FamilyOf[float32], double inner.FamilyOf[float64]) {
	t.Helper()
	for key := range uint64(3) {
		p32, err := single.Sample(key)
		require.NoError(t, err)
		p64, err := double.Sample(key)
		require.NoError(t, err)
		require.Empty(t, p64.Params().Diff(p32.Params()), "layout")
		n := p64.Params().Len()
		theta32, theta64 := make([]float32, n), make([]float64, n)
		p32.Init(theta32, key)
		p64.Init(theta64, key)
		require.Less(t, distance(params.Convert[float64](theta32), theta64), 1e-6*(1+norm(theta64)), "start")
		grad32, grad64 := make([]float32, n), make([]float64, n)
		loss32, err := p32.Eval(grad32, theta32, key)
		require.NoError(t, err)
		loss64, err := p64.Eval(grad64, theta64, key)
		require.NoError(t, err)
		assert.InDelta(t, loss64, loss32, singleTol*(1+math.Abs(loss64)), "loss")
		assert.LessOrEqual(t, distance(params.Convert[float64](grad32), grad64), singleTol*norm(grad64), "gradient")
		if q, ok := p64.(inner.TestedOf[float64]); ok {
			want, err := q.TestLoss(theta64)
			require.NoError(t, err)
			got, err := p32.(inner.TestedOf[float32]).TestLoss(theta32)
			require.NoError(t, err)
			assert.InDelta(t, want, got, singleTol*(1+math.Abs(want)), "test loss")
		}
	}
}

type laws struct {
	family inner.FamilyOf[float64]
	Options
}

func (l laws) sample(t *testing.T, key uint64) inner.ProblemOf[float64] {
	t.Helper()
	p, err := l.family.Sample(key)
	require.NoError(t, err)
	require.NotNil(t, p)
	return p
}

// point returns the i-th place to look at a problem from: its start, or somewhere near it.
func (l laws) point(p inner.ProblemOf[float64], i int) []float64 {
	theta := start(p, uint64(i))
	if i > 0 {
		for k, x := range normal(len(theta), uint64(1000+i), l.Spread) {
			theta[k] += x
		}
	}
	return theta
}

const points = 3

func (l laws) layout(t *testing.T) {
	first := l.sample(t, 0).Params()
	require.NoError(t, first.Validate())
	require.Positive(t, first.Len(), "a problem has weights")
	for key := range uint64(4) {
		assert.Empty(t, first.Diff(l.sample(t, key).Params()), "the layout of key %d", key)
	}
}

func (l laws) deterministic(t *testing.T) {
	p, q := l.sample(t, 1), l.sample(t, 1)
	theta := start(p, 2)
	assert.Equal(t, theta, start(p, 2), "Init again")
	assert.Equal(t, theta, start(q, 2), "Init of another instance")
	loss, grad := eval(t, p, theta, 3)
	eval(t, p, l.point(p, 1), 4) // whatever lies between must leave no trace
	again, gradAgain := eval(t, p, theta, 3)
	other, gradOther := eval(t, q, theta, 3)
	assert.Equal(t, []float64{loss, loss}, []float64{again, other}, "the loss, again and of another instance")
	assert.Equal(t, grad, gradAgain, "the gradient again")
	assert.Equal(t, grad, gradOther, "the gradient of another instance")
}

func (l laws) varies(t *testing.T) {
	p := l.sample(t, 1)
	theta := l.point(p, 1)
	loss, _ := eval(t, p, theta, 3)
	otherFunction, _ := eval(t, l.sample(t, 2), theta, 3)
	otherBatch, _ := eval(t, p, theta, 4)
	assert.Equal(t, l.Varies&Function != 0, loss != otherFunction, "another key of Sample: %v and %v", loss, otherFunction)
	assert.Equal(t, l.Varies&Batch != 0, loss != otherBatch, "another key of Eval: %v and %v", loss, otherBatch)
	assert.Equal(t, l.Varies&Start != 0, !slices.Equal(start(p, 2), start(p, 3)), "another key of Init")
}

func (l laws) readsOnly(t *testing.T) {
	p := l.sample(t, 1)
	theta := l.point(p, 1)
	before := slices.Clone(theta)
	eval(t, p, theta, 2)
	assert.Equal(t, before, theta, "theta of Eval")
	if h, ok := p.(inner.CurvatureOf[float64]); ok {
		v := direction(len(theta), 3)
		same := slices.Clone(v)
		product(t, h, theta, v, 2)
		assert.Equal(t, before, theta, "theta of HessianVector")
		assert.Equal(t, same, v, "v of HessianVector")
	}
}

func (l laws) overwrites(t *testing.T) {
	p := l.sample(t, 1)
	theta := l.point(p, 1)
	n := len(theta)
	_, want := eval(t, p, theta, 2)
	dirty := normal(n, 5, 1)
	_, err := p.Eval(dirty, theta, 2)
	require.NoError(t, err)
	assert.Equal(t, want, dirty, "grad")
	dirty = normal(n, 6, 1)
	p.Init(dirty, 7)
	assert.Equal(t, start(p, 7), dirty, "theta of Init")
	if h, ok := p.(inner.CurvatureOf[float64]); ok {
		v := direction(n, 3)
		want := product(t, h, theta, v, 2)
		dirty := normal(n, 8, 1)
		require.NoError(t, h.HessianVector(dirty, theta, v, 2))
		assert.Equal(t, want, dirty, "dst of HessianVector")
	}
}

func (l laws) lossAlone(t *testing.T) {
	p := l.sample(t, 1)
	for i := range points {
		theta := l.point(p, i)
		loss, _ := eval(t, p, theta, 2)
		assert.Equal(t, loss, value(t, p, theta, 2))
	}
}

// gradient compares slopes along a few random directions, which see every coordinate, and along a few coordinates,
// which see each without the others.
func (l laws) gradient(t *testing.T) {
	for i := range points {
		p := l.sample(t, uint64(i))
		theta := l.point(p, i)
		grad := slope(t, p, theta, 2)
		for _, d := range directions(len(theta)) {
			up, down := value(t, p, along(theta, step, d.v), 2), value(t, p, along(theta, -step, d.v), 2)
			want := (up - down) / (2 * step)
			tol := firstTol*norm(grad) + 1e-15*math.Abs(up)/step
			assert.InDelta(t, want, dot(grad, d.v), tol, "point %d, slope along %s", i, d.name)
		}
	}
}

func (l laws) hessian(t *testing.T) {
	if _, ok := l.sample(t, 0).(inner.CurvatureOf[float64]); !ok {
		t.Skip("the problem does not know its second derivatives")
	}
	for i := range points {
		p := l.sample(t, uint64(i))
		h := p.(inner.CurvatureOf[float64])
		theta := l.point(p, i)
		u := direction(len(theta), 99)
		hu := product(t, h, theta, u, 2)
		for _, d := range directions(len(theta)) {
			_, up := eval(t, p, along(theta, step, d.v), 2)
			_, down := eval(t, p, along(theta, -step, d.v), 2)
			want := make([]float64, len(theta))
			for k := range want {
				want[k] = (up[k] - down[k]) / (2 * step)
			}
			hv := product(t, h, theta, d.v, 2)
			tol := secondTol*norm(hv) + 1e-15*norm(up)/step
			assert.LessOrEqual(t, distance(hv, want), tol, "point %d, product with %s", i, d.name)
			assert.InDelta(t, dot(u, hv), dot(d.v, hu), symmetryTol*(norm(hu)+norm(hv)), "point %d, symmetry with %s", i, d.name)
		}
	}
}

// testLoss checks that the loss on what is held out is a function of the weights alone, which it leaves as they are.
func (l laws) testLoss(t *testing.T) {
	p := l.sample(t, 1)
	q, ok := p.(inner.TestedOf[float64])
	if !ok {
		t.Skip("the problem has nothing held out")
	}
	theta := l.point(p, 1)
	before := slices.Clone(theta)
	test := func(theta []float64) float64 {
		loss, err := q.TestLoss(theta)
		require.NoError(t, err)
		return loss
	}
	want, trained := test(theta), value(t, p, theta, 2)
	assert.False(t, math.IsNaN(want) || math.IsInf(want, 0), "finite at finite weights")
	eval(t, p, l.point(p, 2), 3)
	assert.Equal(t, want, test(theta), "the same again, whatever lies between")
	other := l.sample(t, 1).(inner.TestedOf[float64])
	again, err := other.TestLoss(theta)
	require.NoError(t, err)
	assert.Equal(t, want, again, "the same of another instance")
	assert.Equal(t, trained, value(t, p, theta, 2), "the loss of a minibatch is what it was")
	assert.Equal(t, before, theta, "theta")
	assert.NotEqual(t, want, test(l.point(p, 2)), "other weights, another loss")
	theta[0] = math.NaN()
	assert.True(t, math.IsNaN(test(theta)), "NaN of weights that are not finite")
	assert.Panics(t, func() { _, _ = q.TestLoss(theta[1:]) }, "a wrong length")
}

func (l laws) notFinite(t *testing.T) {
	p := l.sample(t, 1)
	n := p.Params().Len()
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, k := range []int{0, n / 2, n - 1} {
			theta := l.point(p, 1)
			theta[k] = bad
			loss, _ := eval(t, p, theta, 2)
			assert.True(t, math.IsNaN(loss) || math.IsInf(loss, 0), "theta[%d] is %v, the loss %v", k, bad, loss)
			alone := value(t, p, theta, 2)
			assert.True(t, math.IsNaN(alone) || math.IsInf(alone, 0), "theta[%d] is %v, the loss without grad %v", k, bad, alone)
		}
	}
	// Finite weights may be beyond what the arithmetic can carry: any result, but no panic and no error.
	for _, size := range []float64{1e20, 1e200, math.MaxFloat64} {
		theta := normal(n, 3, 1)
		for k := range theta {
			theta[k] = math.Copysign(size, theta[k])
		}
		eval(t, p, theta, 2)
	}
}

func (l laws) lengths(t *testing.T) {
	p := l.sample(t, 1)
	theta := l.point(p, 1)
	n := len(theta)
	short, long := make([]float64, n-1), make([]float64, n+1)
	names := func(what string, f func()) {
		t.Helper()
		defer func() {
			assert.Contains(t, fmt.Sprint(recover()), "length", "%s must panic and name the length", what)
		}()
		f()
	}
	for _, wrong := range [][]float64{short, long} {
		names("Init", func() { p.Init(wrong, 1) })
		names("Eval with a wrong theta", func() { _, _ = p.Eval(nil, wrong, 1) })
		names("Eval with a wrong grad", func() { _, _ = p.Eval(wrong, theta, 1) })
		if h, ok := p.(inner.CurvatureOf[float64]); ok {
			out := make([]float64, n)
			names("HessianVector with a wrong dst", func() { _ = h.HessianVector(wrong, theta, theta, 1) })
			names("HessianVector with a wrong theta", func() { _ = h.HessianVector(out, wrong, theta, 1) })
			names("HessianVector with a wrong v", func() { _ = h.HessianVector(out, theta, wrong, 1) })
		}
	}
}

func (l laws) allocations(t *testing.T) {
	if l.Allocates {
		t.Skip("allowed")
	}
	p := l.sample(t, 1)
	theta := l.point(p, 1)
	grad, v := make([]float64, len(theta)), direction(len(theta), 3)
	key := uint64(0)
	assert.Zero(t, testing.AllocsPerRun(5, func() {
		_, _ = p.Eval(grad, theta, key)
		key++
	}), "Eval")
	assert.Zero(t, testing.AllocsPerRun(5, func() {
		_, _ = p.Eval(nil, theta, key)
		key++
	}), "Eval without grad")
	if h, ok := p.(inner.CurvatureOf[float64]); ok {
		assert.Zero(t, testing.AllocsPerRun(5, func() {
			_ = h.HessianVector(grad, theta, v, key)
			key++
		}), "HessianVector")
	}
}

func start(p inner.ProblemOf[float64], key uint64) []float64 {
	theta := make([]float64, p.Params().Len())
	p.Init(theta, key)
	return theta
}

func eval(t *testing.T, p inner.ProblemOf[float64], theta []float64, key uint64) (float64, []float64) {
	t.Helper()
	grad := make([]float64, len(theta))
	loss, err := p.Eval(grad, theta, key)
	require.NoError(t, err)
	return loss, grad
}

// slope returns the derivative of the loss, which is Eval's gradient unless the problem makes a difference.
func slope(t *testing.T, p inner.ProblemOf[float64], theta []float64, key uint64) []float64 {
	t.Helper()
	s, ok := p.(inner.SignalledOf[float64])
	if !ok {
		_, grad := eval(t, p, theta, key)
		return grad
	}
	dst := normal(len(theta), 9, 1) // to be overwritten
	require.NoError(t, s.Derivative(dst, theta, key))
	return dst
}

func value(t *testing.T, p inner.ProblemOf[float64], theta []float64, key uint64) float64 {
	t.Helper()
	loss, err := p.Eval(nil, theta, key)
	require.NoError(t, err)
	return loss
}

func product(t *testing.T, h inner.CurvatureOf[float64], theta, v []float64, key uint64) []float64 {
	t.Helper()
	dst := make([]float64, len(theta))
	require.NoError(t, h.HessianVector(dst, theta, v, key))
	return dst
}

// A named vector of length 1.
type named struct {
	name string
	v    []float64
}

// directions lists three random directions and up to five coordinates from the first to the last.
func directions(n int) []named {
	var list []named
	for i := range 3 {
		list = append(list, named{fmt.Sprintf("random direction %d", i), direction(n, uint64(i))})
	}
	const coordinates = 5
	last := -1
	for i := range coordinates {
		k := i * (n - 1) / (coordinates - 1)
		if k == last {
			continue
		}
		last = k
		v := make([]float64, n)
		v[k] = 1
		list = append(list, named{fmt.Sprintf("coordinate %d", k), v})
	}
	return list
}

func direction(n int, key uint64) []float64 {
	v := normal(n, key, 1)
	length := norm(v)
	for i := range v {
		v[i] /= length
	}
	return v
}

func normal(n int, key uint64, std float64) []float64 {
	v := make([]float64, n)
	rng.Normal(v, rng.Split(0x70726f626c656d, key), std)
	return v
}

func along(x []float64, a float64, d []float64) []float64 {
	y := slices.Clone(x)
	for i := range y {
		y[i] += a * d[i]
	}
	return y
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

func norm(v []float64) float64 { return math.Sqrt(dot(v, v)) }

func distance(a, b []float64) float64 { return norm(along(a, -1, b)) }
