package mix_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

func bowls(weights ...float64) []mix.MemberOf[float64] {
	var members []mix.MemberOf[float64]
	for i, w := range weights {
		members = append(members, mix.MemberOf[float64]{Name: string(rune('a' + i)), Family: problemtest.BowlOf[float64]{N: i + 2}, Weight: w})
	}
	return members
}

// Members are met as often as their weights say, and a key's problem is its member's.
func TestChoose(t *testing.T) {
	m, err := mix.New(bowls(1, 3, 4))
	require.NoError(t, err)
	counts := make([]float64, 3)
	for key := range uint64(4000) {
		i := m.Choose(key)
		counts[i]++
		p, err := m.Sample(key)
		require.NoError(t, err)
		require.Equal(t, i+2, p.Params().Len())
		require.Equal(t, i, inner.ChooseOf[float64](m, key))
	}
	for i, part := range []float64{1. / 8, 3. / 8, 4. / 8} {
		require.InDelta(t, part, counts[i]/4000, 4*math.Sqrt(part*(1-part)/4000))
	}
	require.Equal(t, "b", m.Name(1))
	require.Len(t, inner.MembersOf[float64](m), 3)
}

// What is no mix is its own only member.
func TestOneMember(t *testing.T) {
	f := problemtest.BowlOf[float64]{N: 2}
	require.Equal(t, []inner.FamilyOf[float64]{f}, inner.MembersOf[float64](f))
	require.Zero(t, inner.ChooseOf[float64](f, 7))
}

func TestNewRefuses(t *testing.T) {
	m, err := mix.New(bowls(1))
	require.NoError(t, err)
	for want, members := range map[string][]mix.MemberOf[float64]{
		"mix: no members": nil,
		"mix: a has weight 0; want a number above 0":    bowls(0),
		"mix: a has weight NaN; want a number above 0":  bowls(math.NaN()),
		"mix: a has weight +Inf; want a number above 0": bowls(math.Inf(1)),
		"mix: c is a mix itself":                        {{Name: "c", Family: m, Weight: 1}},
	} {
		_, err := mix.New(members)
		require.EqualError(t, err, want)
	}
}

// Law: a problem in other units obeys the laws of problems, at every level.
func TestRescaledLaws(t *testing.T) {
	for _, level := range mix.Levels() {
		f := mix.RescaledOf[float64]{
			Of: inner.QuadraticOf[float64]{}, Unit: mix.Range{Low: 0.5, High: 4}, Level: []mix.Level{level},
		}
		t.Run(string(level), func(t *testing.T) { problemtest.Run(t, f, problemtest.Options{Varies: problemtest.Function}) })
	}
}

// Law: loss and gradient are those of the problem itself at the weights in its own units, and the start is its start times gain.
func TestRescaledIsTheSameProblem(t *testing.T) {
	of := problemtest.BowlOf[float64]{N: 6}
	for level, alike := range map[mix.Level]int{mix.None: 6, mix.Global: 6, mix.Tensor: 6, mix.Coordinate: 1} {
		f := mix.RescaledOf[float64]{
			Of: kept{of}, Gain: mix.Range{Low: 2, High: 2}, Unit: mix.Range{Low: 0.1, High: 10}, Level: []mix.Level{level},
		}
		p, err := f.Sample(3)
		require.NoError(t, err)
		plain, err := kept{of}.Sample(0)
		require.NoError(t, err)
		theta, start, grad, want := make([]float64, 6), make([]float64, 6), make([]float64, 6), make([]float64, 6)
		p.Init(theta, 4)
		plain.Init(start, 4)
		units := map[float64]int{}
		for i := range start {
			start[i] *= 2
			c := start[i] / theta[i]
			units[math.Round(c*1e9)]++
			require.True(t, level == mix.None && c == 1 || level != mix.None && c >= 0.1 && c <= 10, "%v", c)
		}
		require.Equal(t, 6/alike, len(units), "%s", level)
		loss, err := p.Eval(grad, theta, 5)
		require.NoError(t, err)
		plainLoss, err := plain.Eval(want, start, 5)
		require.NoError(t, err)
		require.InEpsilon(t, plainLoss, loss, 1e-12)
		for i := range want {
			require.InEpsilon(t, want[i]*start[i]/theta[i], grad[i], 1e-12)
		}
		alone, err := p.Eval(nil, theta, 5)
		require.NoError(t, err)
		require.Equal(t, loss, alone)
	}
}

// kept is a family whose only problem has no key.
type kept struct{ of problemtest.BowlOf[float64] }

func (k kept) Sample(uint64) (inner.ProblemOf[float64], error) { return k.of.Sample(9) }

// Gains and units are drawn uniformly in their logarithm.
func TestRange(t *testing.T) {
	f := mix.RescaledOf[float64]{Of: kept{problemtest.BowlOf[float64]{N: 1}}, Gain: mix.Range{Low: 0.01, High: 100}}
	plain, err := kept{problemtest.BowlOf[float64]{N: 1}}.Sample(0)
	require.NoError(t, err)
	want, below, least, most := []float64{0}, 0, math.Inf(1), 0.0
	plain.Init(want, 1)
	const n = 2000
	for key := range uint64(n) {
		p, err := f.Sample(key)
		require.NoError(t, err)
		theta := []float64{0}
		p.Init(theta, 1)
		gain := theta[0] / want[0]
		least, most = min(least, gain), max(most, gain)
		if gain < 0.1 {
			below++
		}
	}
	require.InDelta(t, 0.25, float64(below)/n, 4*math.Sqrt(.25*.75/n))
	require.Greater(t, least, 0.0099)
	require.Less(t, least, 0.011)
	require.Less(t, most, 101.)
	require.Greater(t, most, 90.)
}

func TestRescaledRefuses(t *testing.T) {
	of := problemtest.BowlOf[float64]{N: 1}
	for want, f := range map[string]mix.RescaledOf[float64]{
		"mix: gain: from 2 to 1; want numbers above 0 in order":                                  {Of: of, Gain: mix.Range{Low: 2, High: 1}},
		"mix: unit: from 0 to 1; want numbers above 0 in order":                                  {Of: of, Unit: mix.Range{Low: 0, High: 1}},
		`mix: no level "row"; there are none global tensor coordinate`:                           {Of: of, Level: []mix.Level{"row"}},
		"mix: mix_test.signalled hands out a signal in the gradient's place, which has no units": {Of: signalled{}},
	} {
		_, err := f.Sample(0)
		require.EqualError(t, err, want)
	}
}

type signalled struct{ inner.ProblemOf[float64] }

func (s signalled) Sample(uint64) (inner.ProblemOf[float64], error) { return s, nil }
func (signalled) Derivative(_, _ []float64, _ uint64) error         { return nil }
