package identify

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

func described(v []float32) map[string]float64 {
	dst := make([]float64, len(Statistics()))
	new(describer).describe(dst, v)
	m := make(map[string]float64)
	for i, name := range Statistics() {
		m[name] = dst[i]
	}
	return m
}

func TestStatisticsByHand(t *testing.T) {
	m := described([]float32{3, -1, 0, 6})
	sixth := math.Pow(2-3, 4) + math.Pow(2+1, 4) + math.Pow(2, 4) + math.Pow(6-2, 4)
	for name, want := range map[string]float64{
		"raw.mean": 2, "raw.variance": 7.5, "raw.median": 1.5, "raw.quartile": 3.75, "raw.norm": math.Sqrt(46),
		"raw.skew": 3 * 0.5 / math.Sqrt(7.5), "raw.kurtosis": sixth / 4 / (7.5 * 7.5),
		"abs.mean": 2.5, "abs.median": 2, "abs.quartile": 3.75, "abs.norm": math.Sqrt(46),
		"square.mean": 11.5, "square.median": 5, "square.quartile": 15.75, "square.norm": math.Sqrt(81 + 1 + 36*36),
	} {
		assert.InDelta(t, want, m[name], 1e-12, name)
	}
}

// Elements that are all the same have no shape.
func TestStatisticsOfConstants(t *testing.T) {
	for _, n := range []int{1, 7, 300} {
		m := described(slices.Repeat([]float32{0.1}, n))
		assert.Zero(t, m["raw.variance"])
		assert.True(t, math.IsNaN(m["raw.skew"]) && math.IsNaN(m["raw.kurtosis"]))
		assert.InDelta(t, 0.1, m["raw.median"], 1e-8)
	}
}

func TestStatisticsOfDistributions(t *testing.T) {
	v := make([]float32, 400_000)
	rng.Normal(v, 1, 2)
	m := described(v)
	assert.InDelta(t, 0, m["raw.mean"], 0.02)
	assert.InDelta(t, 4, m["raw.variance"], 0.05)
	assert.InDelta(t, 2*0.6745, m["raw.quartile"], 0.02)
	assert.InDelta(t, 0, m["raw.skew"], 0.02)
	assert.InDelta(t, 3, m["raw.kurtosis"], 0.05)
	assert.InDelta(t, 2*0.6745, m["abs.median"], 0.02)
	for i, x := range v { // exponential: mean and deviation 1, median log 2, kurtosis 9
		v[i] = float32(-math.Log(0.5 * math.Erfc(float64(x)/2/math.Sqrt2)))
	}
	m = described(v)
	assert.InDelta(t, 3*(1-math.Ln2), m["raw.skew"], 0.03)
	assert.InDelta(t, 9, m["raw.kurtosis"], 0.6)
}

// Both ways of sorting sort, whatever the signs.
func TestSorting(t *testing.T) {
	var d describer
	for _, n := range []int{1, 5, 255, 256, 5000} {
		v := make([]float32, n)
		rng.Normal(v, uint64(n), 1)
		v[0], v[n/2] = float32(math.Copysign(0, -1)), math.MaxFloat32
		d.sort(v)
		d.sizes()
		want := make([]float64, n)
		for i, x := range v {
			want[i] = float64(x)
		}
		slices.Sort(want)
		require.Equal(t, want, d.raw)
		for i, x := range want {
			want[i] = math.Abs(x)
		}
		slices.Sort(want)
		require.Equal(t, len(want), len(d.size))
		for i := range want {
			require.Equal(t, want[i], math.Abs(d.size[i]))
		}
	}
}

// same compares numbers by their bits, of which NaN has some too.
func same(a, b [][]float64) bool {
	return slices.EqualFunc(a, b, func(x, y []float64) bool {
		return slices.EqualFunc(x, y, func(p, q float64) bool { return math.Float64bits(p) == math.Float64bits(q) })
	})
}

// at returns a feature of a layer.
func at(f []float64, times int, name string, time int) float64 {
	return f[slices.Index(statisticNames(), name)*times+time]
}

func TestFeatures(t *testing.T) {
	rec := recorded(t, "adam")
	f := View{}.Features(rec, 1)
	require.Len(t, f, 3)
	assert.True(t, same(f, View{}.Features(rec, 2)), "without chance the key does not matter")
	for i, layer := range rec.Layers {
		require.Len(t, f[i], 63*5+3)
		position := make([]float64, 3)
		position[i] = 1
		assert.Equal(t, position, f[i][63*5:])
		for time := range 5 {
			assert.Equal(t, described(layer.Weights[time])["abs.mean"], at(f[i], 5, "weights.abs.mean", time))
			assert.Equal(t, described(layer.Activations[time])["raw.skew"], at(f[i], 5, "activations.raw.skew", time))
			sum := 0.0
			for _, x := range layer.Change[time] {
				sum += float64(x)
			}
			assert.InDelta(t, sum/float64(len(layer.Change[time])), at(f[i], 5, "change.raw.mean", time), 1e-5)
		}
	}
}

func TestSubsampledUnits(t *testing.T) {
	rec := recorded(t, "fa")
	full := View{}.Features(rec, 1)
	assert.True(t, same(full, View{Units: 1}.Features(rec, 1)))
	f := View{Units: 0.25}.Features(rec, 1)
	assert.True(t, same(f, View{Units: 0.25}.Features(rec, 1)))
	assert.False(t, same(f, View{Units: 0.25}.Features(rec, 2)))
	// 3 of 12 units: which they are is seen from their weights, and their activations are the same ones.
	units := chosen(12, 0.25, rng.Split(rng.Split(1, 0), 0))
	require.Len(t, units, 3)
	for _, o := range []struct {
		name string
		v    []float32
	}{{"weights", rec.Layers[0].Weights[4]}, {"activations", rec.Layers[0].Activations[4]}} {
		sum, n := 0.0, 0.0
		for i, x := range o.v {
			if slices.Contains(units, i%12) {
				sum += float64(x)
				n++
			}
		}
		assert.InDelta(t, sum/n, at(f[0], 5, o.name+".raw.mean", 4), 1e-9)
	}
	assert.Len(t, chosen(5, 1e-9, 1), 1, "at least one")
	all := chosen(9, 0, 1)
	assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, all)
}

// Noise adds its variance to that of an observable, and nothing to the mean.
func TestNoise(t *testing.T) {
	rec := recorded(t, "adam")
	clean, noisy := View{}.Features(rec, 1), View{Noise: 2}.Features(rec, 1)
	std := deviation(rec.Layers[0].Activations)
	for time := range 5 {
		v := at(clean[0], 5, "activations.raw.variance", time) + 4*std*std
		assert.InEpsilon(t, v, at(noisy[0], 5, "activations.raw.variance", time), 0.3)
		assert.InDelta(t, at(clean[0], 5, "activations.raw.mean", time), at(noisy[0], 5, "activations.raw.mean", time), 0.6*std)
	}
	assert.NotEqual(t, at(clean[0], 5, "weights.raw.mean", 0), at(noisy[0], 5, "weights.raw.mean", 0))
}

func TestViews(t *testing.T) {
	for want, v := range map[string]View{
		"everything": {}, "0.25 of the units": {Units: 0.25}, "noise 1": {Noise: 1, Units: 1}, "0.5 of the units, noise 2": {Units: 0.5, Noise: 2},
	} {
		assert.Equal(t, want, v.String())
		assert.NoError(t, v.Validate())
	}
	for _, v := range []View{{Units: -1}, {Units: 1.1}, {Noise: -1}, {Noise: math.Inf(1)}, {Units: math.NaN()}, {Noise: math.NaN()}} {
		assert.ErrorContains(t, v.Validate(), "want 0..1, and 0 or more")
	}
}
