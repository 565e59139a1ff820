package classify

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/internal/rng"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clouds draws examples of classes whose first features have means apart, in units of their deviation, and others that tell
// nothing.
func clouds(key uint64, n, features, classes int, apart float64) Table {
	draw, t := rng.New(key), Table{Classes: classes}
	for i := range n {
		row := make([]float64, features)
		for f := range row {
			row[f] = draw.NormFloat64()
		}
		row[i%classes%features] += apart
		t.X, t.Y = append(t.X, row), append(t.Y, i%classes)
	}
	return t
}

// xor is of class 1 where the signs of its two features differ.
func xor(key uint64, n int) Table {
	draw, t := rng.New(key), Table{Classes: 2}
	for range n {
		a, b := draw.NormFloat64(), draw.NormFloat64()
		y := 0
		if a*b < 0 {
			y = 1
		}
		t.X, t.Y = append(t.X, []float64{a, b}), append(t.Y, y)
	}
	return t
}

func accuracy(c Classifier, t Table) float64 {
	p, right := make([]float64, t.Classes), 0
	for i, x := range t.X {
		if c.Probabilities(p, x); slices.Index(p, slices.Max(p)) == t.Y[i] {
			right++
		}
	}
	return float64(right) / float64(len(t.X))
}

func grown(t *testing.T, f Forest, table Table) *FittedForest {
	t.Helper()
	fitted, err := f.Fit(context.Background(), table)
	require.NoError(t, err)
	return fitted
}

func fitted(t *testing.T, l Logistic, table Table) *FittedLogistic {
	t.Helper()
	m, err := l.Fit(context.Background(), table)
	require.NoError(t, err)
	return m
}

func predict(c Classifier, classes int, x ...float64) []float64 {
	p := make([]float64, classes)
	c.Probabilities(p, x)
	return p
}

// A tree worked out by hand: feature 1 tells all but one example apart, half way between 2 and 6; then feature 0 tells the rest.
func TestTreeByHand(t *testing.T) {
	table := Table{Classes: 3, X: [][]float64{{0, 1}, {5, 2}, {0, 6}, {1, 7}, {9, 8}}, Y: []int{0, 0, 1, 1, 2}}
	f := grown(t, Forest{Trees: 1, Features: 2, Whole: true}, table)
	want := []node{{1, 1, 2, 4}, {-1, 0, 0, 0}, {0, 3, 4, 5}, {-1, 3, 0, 0}, {-1, 6, 0, 0}}
	require.Equal(t, want, f.trees[0].nodes)
	require.Equal(t, []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, f.trees[0].leaves)
	// The impurity times the number of examples is n - Σc²/n: 5-9/5 at the root, 3-5/3 on the right of it, 0 at the leaves.
	root, right := 5-9./5, 3-5./3
	assert.InDelta(t, right/root, f.Importance[0], 1e-12)
	assert.InDelta(t, (root-right)/root, f.Importance[1], 1e-12)
	assert.Equal(t, []float64{1, 0, 0}, predict(f, 3, 100, 4), "at a threshold examples go left")
	assert.Equal(t, []float64{0, 0, 1}, predict(f, 3, 6, 4.1))
}

// Where no feature tells examples apart, a leaf has the frequencies of their classes.
func TestLeafOfEquals(t *testing.T) {
	table := Table{Classes: 2, X: [][]float64{{3}, {3}, {3}, {3}}, Y: []int{0, 1, 1, 1}}
	f := grown(t, Forest{Trees: 1, Whole: true}, table)
	assert.Equal(t, []float64{0.25, 0.75}, predict(f, 2, 7))
	assert.Equal(t, []float64{0}, f.Importance)
	assert.Equal(t, [][]float64{nil, nil, nil, nil}, f.OutOfBag)
}

func TestMinLeaf(t *testing.T) {
	table := Table{Classes: 2, X: [][]float64{{1}, {2}, {3}, {4}}, Y: []int{0, 1, 1, 1}}
	f := grown(t, Forest{Trees: 1, Whole: true, MinLeaf: 2}, table)
	assert.Equal(t, []float64{0.5, 0.5}, predict(f, 2, 1))
	assert.Equal(t, []float64{0, 1}, predict(f, 2, 3))
}

// Both ways of sorting give the same order of ranks.
func TestByRank(t *testing.T) {
	g := newGrower(newColumns(clouds(1, 200, 1, 2, 1)), Forest{})
	g.sample(false)
	for _, n := range []int{1, 2, 20, 24, 26, 200} {
		ranks := make([]int32, n)
		for i, r := range g.byRank(0, 0, n) {
			ranks[i] = g.rank[0][r]
		}
		assert.True(t, slices.IsSorted(ranks), n)
		want := slices.Clone(g.rank[0][:n])
		slices.Sort(want)
		assert.Equal(t, want, ranks)
	}
}

func TestBetween(t *testing.T) {
	next := math.Nextafter(1, 2)
	c := &columns{value: [][]float64{{-math.MaxFloat64, 0, 1, next, math.MaxFloat64}}}
	assert.Equal(t, 0.5, c.between(0, 1, 2))
	assert.Equal(t, 1.0, c.between(0, 2, 3), "nothing lies between")
	assert.Equal(t, 0.0, c.between(0, 0, 4), "no overflow")
}

// The exclusive or is beyond a linear classifier and not beyond a forest.
func TestExclusiveOr(t *testing.T) {
	train, test := xor(1, 400), xor(2, 400)
	assert.Greater(t, accuracy(grown(t, Forest{Trees: 50}, train), test), 0.93)
	assert.Less(t, accuracy(fitted(t, Logistic{}, train), test), 0.6)
}

func TestBothLearnClouds(t *testing.T) {
	train, test := clouds(1, 300, 6, 3, 4), clouds(2, 300, 6, 3, 4)
	f := grown(t, Forest{Trees: 50}, train)
	assert.Greater(t, accuracy(f, test), 0.96)
	assert.Greater(t, accuracy(fitted(t, Logistic{}, train), test), 0.98)
	assert.Less(t, slices.Max(f.Importance[3:]), slices.Min(f.Importance[:3]), "the last three features tell nothing")
	sum := 0.0
	for _, v := range f.Importance {
		sum += v
	}
	assert.InDelta(t, 1, sum, 1e-12)
}

// Out of bag, an example is as one that was never seen: labels without a reason are not known again.
func TestOutOfBag(t *testing.T) {
	right := func(apart float64) (oob, seen float64) {
		table := clouds(3, 400, 4, 2, apart)
		f := grown(t, Forest{Trees: 60}, table)
		for i, p := range f.OutOfBag {
			require.NotNil(t, p)
			require.InDelta(t, 1, p[0]+p[1], 1e-12)
			if p[table.Y[i]] > 0.5 {
				oob += 1. / 400
			}
		}
		return oob, accuracy(f, table)
	}
	oob, seen := right(0)
	assert.InDelta(t, 0.5, oob, 0.1)
	assert.Equal(t, 1.0, seen)
	oob, _ = right(5)
	assert.Greater(t, oob, 0.97)
}

// Trees without chance in them do not care for the order of examples, and other names of the classes are nothing but that.
func TestPermutations(t *testing.T) {
	table := clouds(4, 120, 5, 3, 2)
	f := Forest{Trees: 1, Features: 5, Whole: true}
	before := grown(t, f, table)
	order := rng.New(5).Perm(len(table.X))
	shuffled := grown(t, f, table.Rows(order))
	named := Table{X: table.X, Classes: 3}
	names := []int{2, 0, 1}
	for _, y := range table.Y {
		named.Y = append(named.Y, names[y])
	}
	renamed := grown(t, Forest{Trees: 9, Key: 7}, named)
	same := grown(t, Forest{Trees: 9, Key: 7}, table)
	l, r := fitted(t, Logistic{}, table), fitted(t, Logistic{}, named)
	for _, x := range clouds(6, 60, 5, 3, 2).X {
		assert.Equal(t, predict(before, 3, x...), predict(shuffled, 3, x...))
		p, q := predict(same, 3, x...), predict(renamed, 3, x...)
		u, v := predict(l, 3, x...), predict(r, 3, x...)
		for k, name := range names {
			assert.Equal(t, p[k], q[name])
			assert.InDelta(t, u[k], v[name], 1e-9)
		}
	}
}

// A tree sees the order of values and nothing else: a growing function of a feature changes nothing of what it says
// of the examples that it has seen.
func TestTreesSeeOrder(t *testing.T) {
	table := clouds(8, 100, 3, 2, 1)
	curved := Table{Y: table.Y, Classes: 2}
	for _, row := range table.X {
		curved.X = append(curved.X, []float64{math.Exp(row[0]), row[1] * row[1] * row[1], 5 + 2*row[2]})
	}
	f := Forest{Trees: 5, Features: 1, MinLeaf: 5, Whole: true}
	a, b := grown(t, f, table), grown(t, f, curved)
	assert.Equal(t, a.Importance, b.Importance)
	for i := range table.X {
		assert.Equal(t, predict(a, 2, table.X[i]...), predict(b, 2, curved.X[i]...))
	}
}

func TestSameBits(t *testing.T) {
	table := clouds(9, 90, 8, 3, 1)
	one := grown(t, Forest{Trees: 13, Key: 3, Workers: 1}, table)
	for _, workers := range []int{2, 5, 40} {
		many := grown(t, Forest{Trees: 13, Key: 3, Workers: workers}, table)
		assert.Equal(t, one, many)
	}
	assert.NotEqual(t, one.OutOfBag, grown(t, Forest{Trees: 13, Key: 4}, table).OutOfBag)
}

// At the minimum the derivatives vanish, and those of the biases say that mean probabilities are frequencies.
func TestLogisticMinimum(t *testing.T) {
	table := clouds(10, 60, 3, 3, 2)
	table.Y[0] = 2 // classes of different numbers
	const decay = 0.05
	m := fitted(t, Logistic{Decay: decay, Steps: 5000, Near: 1e-10}, table)
	n, z := float64(len(table.X)), make([]float64, 4)
	grad, mean, frequency := make([]float64, 9), make([]float64, 3), make([]float64, 3)
	for i, x := range table.X {
		p := predict(m, 3, x...)
		m.put(z, x)
		frequency[table.Y[i]] += 1 / n
		for k := range p {
			mean[k] += p[k] / n
			off := p[k]
			if k == table.Y[i] {
				off--
			}
			for f := range 3 {
				grad[f*3+k] += z[f] * off / n
			}
		}
	}
	for i, g := range grad {
		assert.InDelta(t, 0, g+decay*m.w[i], 1e-9)
	}
	assert.InDeltaSlice(t, frequency, mean, 1e-9)
}

// Two examples, at z = -1 and 1: by symmetry p = σ(2wz) for the weights -w and w, and the derivative is 0 where
// decay·w = σ(-2w).
func TestLogisticByHand(t *testing.T) {
	m := fitted(t, Logistic{Decay: 0.1, Steps: 5000, Near: 1e-12}, Table{Classes: 2, X: [][]float64{{10, 7}, {30, 7}}, Y: []int{0, 1}})
	w := m.w[1]
	assert.InDelta(t, 1/(1+math.Exp(2*w)), 0.1*w, 1e-10)
	assert.InDelta(t, -w, m.w[0], 1e-12)
	assert.Equal(t, []float64{0, 0}, m.w[2:4], "a feature that is always the same")
	assert.InDelta(t, 1/(1+math.Exp(-4*w)), predict(m, 2, 40, 7)[1], 1e-12, "z is 2")
}

func TestRefusals(t *testing.T) {
	good := clouds(1, 10, 2, 2, 1)
	change := func(f func(*Table)) Table {
		c := good.Rows([]int{0, 1, 2, 3})
		c.X[1] = slices.Clone(c.X[1])
		f(&c)
		return c
	}
	for want, table := range map[string]Table{
		"without examples":       {Classes: 2},
		"without features":       {Classes: 2, X: [][]float64{{}}, Y: []int{0}},
		"4 rows for 3 labels":    change(func(t *Table) { t.Y = t.Y[:3] }),
		"1 classes":              change(func(t *Table) { t.Classes = 1 }),
		"example 1 has 1":        change(func(t *Table) { t.X[1] = t.X[1][:1] }),
		"example 1 is NaN":       change(func(t *Table) { t.X[1][1] = math.NaN() }),
		"example 1 is -Inf":      change(func(t *Table) { t.X[1][0] = math.Inf(-1) }),
		"class 2; want 0..1":     change(func(t *Table) { t.Y[3] = 2 }),
		"class -1; want 0..1":    change(func(t *Table) { t.Y[0] = -1 }),
		"or without features":    {Classes: 2, Y: []int{0}},
		"0 classes; want 2 or m": change(func(t *Table) { t.Classes = 0 }),
	} {
		_, err := Forest{}.Fit(context.Background(), table)
		assert.ErrorContains(t, err, want)
		_, err = Logistic{}.Fit(context.Background(), table)
		assert.ErrorContains(t, err, want)
	}
	for _, f := range []Forest{{Trees: -1}, {Features: -1}, {MinLeaf: -1}, {Workers: -1}} {
		_, err := f.Fit(context.Background(), good)
		assert.ErrorContains(t, err, "want 1 or more of each")
	}
	for _, l := range []Logistic{{Decay: -1}, {Decay: math.NaN()}, {Decay: math.Inf(1)}, {Steps: -1}, {Near: -1}} {
		_, err := l.Fit(context.Background(), good)
		assert.ErrorContains(t, err, "want all above 0")
	}
	f := grown(t, Forest{Trees: 2}, good)
	assert.PanicsWithValue(t, "classify: 1 features, want 2", func() { predict(f, 2, 1) })
	assert.PanicsWithValue(t, "classify: 3 probabilities, want 2", func() { predict(f, 3, 1, 2) })
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Forest{}.Fit(ctx, clouds(1, 10, 2, 2, 1))
	assert.ErrorIs(t, err, context.Canceled)
	_, err = Logistic{}.Fit(ctx, clouds(1, 10, 2, 2, 1))
	assert.ErrorIs(t, err, context.Canceled)
}

func BenchmarkForest(b *testing.B) {
	table := clouds(1, 540, 1300, 4, 2)
	for b.Loop() {
		if _, err := (Forest{Workers: 1}).Fit(context.Background(), table); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLogistic(b *testing.B) {
	table := clouds(1, 540, 1300, 4, 2)
	for b.Loop() {
		if _, err := (Logistic{}).Fit(context.Background(), table); err != nil {
			b.Fatal(err)
		}
	}
}
