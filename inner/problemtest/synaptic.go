package problemtest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// lifeSteps is how many steps of a life are looked at.
const lifeSteps = 25

// Synaptic checks the laws of problems whose weights are synapses, each a subtest: that senses are laid out by the names and in
// the shapes that package params tells of, that the same keys make the same life, that what is in the world is gone after Init,
// that the pullback is the derivative, and that nothing is allocated. Run's laws hold beside them.
func Synaptic(t *testing.T, f inner.FamilyOf[float64], o Options) {
	t.Helper()
	l := laws{family: f, Options: o}
	if l.Spread == 0 {
		l.Spread = 0.3
	}
	for _, law := range []struct {
		name  string
		check func(*testing.T)
	}{
		{"layout of senses", l.senses},
		{"same keys, same life", l.life},
		{"a sense of one step alone", l.anyOrder},
		{"theta is only read, senses are overwritten", l.senseWrites},
		{"pullback", l.pullback},
		{"evaluation changes nothing", l.evaluationIsFree},
		{"wrong lengths of senses panic", l.senseLengths},
		{"allocations of senses", l.senseAllocations},
		{"score", l.score},
	} {
		t.Run(law.name, law.check)
	}
}

// AgreeOnSenses checks that a family shows the same senses in both element types along a life at one start, up to the precision
// of float32.
func AgreeOnSenses(t *testing.T, single inner.FamilyOf[float32], double inner.FamilyOf[float64]) {
	t.Helper()
	for key := range uint64(3) {
		p32, err := single.Sample(key)
		require.NoError(t, err)
		p64, err := double.Sample(key)
		require.NoError(t, err)
		s32, s64 := p32.(inner.Synaptic), p64.(inner.SynapticOf[float64])
		require.Empty(t, s64.Senses().Diff(s32.Senses()), "layout of senses")
		theta32, theta64 := make([]float32, p32.Params().Len()), make([]float64, p64.Params().Len())
		p32.Init(theta32, key)
		p64.Init(theta64, key)
		felt32, felt64 := make([]float32, s32.Senses().Len()), make([]float64, s64.Senses().Len())
		for step := range lifeSteps {
			require.NoError(t, s32.Sense(felt32, theta32, step, rng.Split(key, uint64(step))))
			require.NoError(t, s64.Sense(felt64, theta64, step, rng.Split(key, uint64(step))))
			require.LessOrEqual(t, distance(params.Convert[float64](felt32), felt64), singleTol*norm(felt64), "step %d", step)
		}
	}
}

// synaptic samples a problem with synapses.
func (l laws) synaptic(t *testing.T, key uint64) (inner.ProblemOf[float64], inner.SynapticOf[float64]) {
	t.Helper()
	p := l.sample(t, key)
	s, ok := p.(inner.SynapticOf[float64])
	require.True(t, ok, "%T shows no senses", p)
	return p, s
}

// feel returns what synapses feel at a step of the life whose steps have the children of key 7.
func feel(t *testing.T, s inner.SynapticOf[float64], theta []float64, step int) []float64 {
	t.Helper()
	dst := normal(s.Senses().Len(), 17, 1) // to be overwritten
	require.NoError(t, s.Sense(dst, theta, step, rng.Split(7, uint64(step))))
	return dst
}

// live returns what is felt in the first steps of a life with weights that move by themselves, and the loss after them.
func live(t *testing.T, p inner.ProblemOf[float64], key uint64) (felt [][]float64, loss float64) {
	t.Helper()
	theta := start(p, key)
	for step := range lifeSteps {
		felt = append(felt, feel(t, p.(inner.SynapticOf[float64]), theta, step))
		theta = along(theta, 0.05, direction(len(theta), uint64(step)))
	}
	return felt, value(t, p, theta, 3)
}

func (l laws) senses(t *testing.T) {
	p, s := l.synaptic(t, 0)
	layout := s.Senses()
	require.NoError(t, layout.Validate())
	require.NotEmpty(t, layout)
	examples := map[string]int{}
	for _, have := range layout {
		if have.Name == string(params.Reward) {
			assert.Equal(t, []int{1}, have.Shape, have)
			continue
		}
		sense, weights, _ := strings.Cut(have.Name, ".")
		i := p.Params().Index(weights)
		require.GreaterOrEqual(t, i, 0, "%v is of no weights", have)
		shape := p.Params()[i].Shape
		require.Contains(t, []int{1, 2}, len(shape), "weights %s of %v", weights, have)
		want := shape[len(shape)-1]
		switch params.Sense(sense) {
		case params.Pre:
			if want = 1; len(shape) == 2 {
				want = shape[0]
			}
		case params.Potential, params.Post, params.Mod, params.Target:
		default:
			assert.Fail(t, "no such sense", have)
		}
		require.Len(t, have.Shape, 2, have)
		assert.Equal(t, want, have.Shape[1], have)
		if n := examples[weights]; n > 0 {
			assert.Equal(t, n, have.Shape[0], "examples of %v", have)
		}
		examples[weights] = have.Shape[0]
	}
	for key := range uint64(4) {
		_, other := l.synaptic(t, key)
		assert.Empty(t, layout.Diff(other.Senses()), "the senses of key %d", key)
	}
	l.biases(t, p, s)
}

// biases feel a presynaptic neuron that is always 1.
func (l laws) biases(t *testing.T, p inner.ProblemOf[float64], s inner.SynapticOf[float64]) {
	felt := params.Split(s.Senses(), feel(t, s, start(p, 1), 0))
	for i, have := range s.Senses() {
		weights, ok := strings.CutPrefix(have.Name, string(params.Pre)+".")
		if ok && len(p.Params()[p.Params().Index(weights)].Shape) == 1 {
			for _, x := range felt[i] {
				assert.Equal(t, 1.0, x, have)
			}
		}
	}
}

// life looks at a life, another, and the first again: of the same instance, and of a fresh one.
func (l laws) life(t *testing.T) {
	p, s := l.synaptic(t, 1)
	fresh, _ := l.synaptic(t, 1)
	felt, loss := live(t, p, 2)
	other, _ := live(t, p, 3)
	again, lossAgain := live(t, p, 2)
	of, lossOf := live(t, fresh, 2)
	feel(t, s, start(p, 3), 0)
	cut, _ := live(t, p, 2)
	assert.Equal(t, felt, again, "the life again")
	assert.Equal(t, felt, of, "the life of another instance")
	assert.Equal(t, felt, cut, "the life after one that ended early")
	assert.Equal(t, []float64{loss, loss}, []float64{lossAgain, lossOf}, "its loss")
	if l.Varies&Start != 0 {
		assert.NotEqual(t, felt, other, "the life of another key")
	}
	if lived, ok := p.(inner.Lived); ok {
		assert.Positive(t, lived.Life())
	}
}

// anyOrder: where senses have a derivative they follow from theta, step and key, whatever went before.
func (l laws) anyOrder(t *testing.T) {
	p, s := l.synaptic(t, 1)
	if _, ok := p.(inner.SynapticPullbackOf[float64]); !ok {
		t.Skip("senses have no derivative")
	}
	theta := start(p, 2)
	var forwards [][]float64
	for step := range lifeSteps {
		forwards = append(forwards, feel(t, s, theta, step))
	}
	for step := lifeSteps - 1; step >= 0; step-- {
		require.Equal(t, forwards[step], feel(t, s, theta, step), "step %d", step)
	}
}

func (l laws) senseWrites(t *testing.T) {
	p, s := l.synaptic(t, 1)
	theta := start(p, 2)
	before := slices.Clone(theta)
	felt := feel(t, s, theta, 0)
	assert.Equal(t, before, theta, "theta of Sense")
	dirty := make([]float64, len(felt))
	for i := range dirty {
		dirty[i] = math.NaN()
	}
	p.Init(theta, 2)
	require.NoError(t, s.Sense(dirty, theta, 0, rng.Split(7, 0)))
	assert.Equal(t, felt, dirty, "dst of Sense")
	d, ok := p.(inner.SynapticPullbackOf[float64])
	if !ok {
		return
	}
	c := direction(len(felt), 4)
	same, dTheta := slices.Clone(c), normal(len(theta), 5, 1)
	require.NoError(t, d.SensePullback(dTheta, c, theta, 0, 6))
	again := make([]float64, len(theta))
	require.NoError(t, d.SensePullback(again, c, theta, 0, 6))
	assert.Equal(t, dTheta, again, "dTheta of SensePullback")
	assert.Equal(t, before, theta, "theta of SensePullback")
	assert.Equal(t, same, c, "cotangent of SensePullback")
}

// pullback compares slopes of random combinations of the senses.
func (l laws) pullback(t *testing.T) {
	p, s := l.synaptic(t, 1)
	pull, ok := p.(inner.SynapticPullbackOf[float64])
	if !ok {
		t.Skip("senses have no derivative")
	}
	for i := range points {
		theta := l.point(p, i)
		for _, at := range []int{0, 1, 2, 3, 9, lifeSteps, 30, 35} {
			c := direction(s.Senses().Len(), uint64(100*i+at))
			dTheta := make([]float64, len(theta))
			require.NoError(t, pull.SensePullback(dTheta, c, theta, at, rng.Split(7, uint64(at))))
			for _, d := range directions(len(theta)) {
				up, down := dot(c, feel(t, s, along(theta, step, d.v), at)), dot(c, feel(t, s, along(theta, -step, d.v), at))
				want := (up - down) / (2 * step)
				tol := firstTol*norm(dTheta) + 1e-15*math.Abs(up)/step
				assert.InDelta(t, want, dot(dTheta, d.v), tol, "point %d, step %d, slope along %s", i, at, d.name)
			}
		}
	}
}

// evaluationIsFree: to look at the loss, or to ask for the score, is no part of a life.
func (l laws) evaluationIsFree(t *testing.T) {
	p, s := l.synaptic(t, 1)
	alone, loss := live(t, p, 2)
	theta := start(p, 2)
	var felt [][]float64
	for step := range lifeSteps {
		eval(t, p, theta, rng.Split(7, uint64(step)))
		if scored, ok := p.(inner.ScoredOf[float64]); ok {
			_, err := scored.Score(theta)
			require.NoError(t, err)
		}
		felt = append(felt, feel(t, s, theta, step))
		theta = along(theta, 0.05, direction(len(theta), uint64(step)))
	}
	assert.Equal(t, alone, felt)
	assert.Equal(t, loss, value(t, p, theta, 3))
}

func (l laws) senseLengths(t *testing.T) {
	p, s := l.synaptic(t, 1)
	theta := start(p, 2)
	n, m := len(theta), s.Senses().Len()
	names := func(what string, f func()) {
		t.Helper()
		defer func() {
			r, _ := recover().(string)
			assert.Contains(t, r, "length", "%s must panic and name the length", what)
		}()
		f()
	}
	names("Sense with a wrong dst", func() { _ = s.Sense(make([]float64, m+1), theta, 0, 1) })
	names("Sense with a wrong theta", func() { _ = s.Sense(make([]float64, m), theta[:n-1], 0, 1) })
	if d, ok := p.(inner.SynapticPullbackOf[float64]); ok {
		c := make([]float64, m)
		names("SensePullback with a wrong dTheta", func() { _ = d.SensePullback(make([]float64, n+1), c, theta, 0, 1) })
		names("SensePullback with a wrong cotangent", func() { _ = d.SensePullback(make([]float64, n), c[1:], theta, 0, 1) })
		names("SensePullback with a wrong theta", func() { _ = d.SensePullback(make([]float64, n), c, theta[:n-1], 0, 1) })
	}
}

func (l laws) senseAllocations(t *testing.T) {
	if l.Allocates {
		t.Skip("allowed")
	}
	p, s := l.synaptic(t, 1)
	theta := start(p, 2)
	felt, dTheta, at := make([]float64, s.Senses().Len()), make([]float64, len(theta)), 0
	pull, _ := p.(inner.SynapticPullbackOf[float64])
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		_ = s.Sense(felt, theta, at, rng.Split(7, uint64(at)))
		if pull != nil {
			_ = pull.SensePullback(dTheta, felt, theta, at, rng.Split(7, uint64(at)))
		}
		at++
	}))
}

// score: measures are finite and have the same names in all lives.
func (l laws) score(t *testing.T) {
	p, _ := l.synaptic(t, 1)
	scored, ok := p.(inner.ScoredOf[float64])
	if !ok {
		t.Skip("no score")
	}
	var names []string
	for key := range uint64(3) {
		live(t, p, key)
		score, err := scored.Score(start(p, key))
		require.NoError(t, err)
		require.NotEmpty(t, score)
		var have []string
		for name, v := range score {
			have = append(have, name)
			assert.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s is %v", name, v)
		}
		slices.Sort(have)
		if key > 0 {
			assert.Equal(t, names, have)
		}
		names = have
	}
}
