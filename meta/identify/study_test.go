package identify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta/identify/classify"
)

func find(t testing.TB, names ...string) (rules []Rule) {
	for _, name := range names {
		r, err := FindRule(name)
		require.NoError(t, err)
		rules = append(rules, r)
	}
	return rules
}

// few is a population of networks that are trained in no time.
func few(t testing.TB, rules ...string) Population {
	p := Population{Rules: find(t, rules...), Nets: 4, Steps: 12, Times: 4, Views: []View{{}, {Units: 0.5, Noise: 1}}, Key: 3}
	p.Data, p.Probe = digits(t)
	return p
}

func train(t testing.TB, p Population) *Networks {
	t.Helper()
	n, err := p.Train(context.Background())
	require.NoError(t, err)
	require.NoError(t, n.Validate())
	return n
}

// made returns networks that were never trained: the first three statistics of the weights have a mean that is the rule's, as
// many deviations apart as told.
func made(key uint64, rules, each int, apart float64) *Networks {
	n := &Networks{Times: 3, Views: []View{{}}, Features: make([][][]float64, 1)}
	for r := range rules {
		n.Rules = append(n.Rules, fmt.Sprintf("rule%d", r))
	}
	draw := rng.New(key)
	for i := range rules * each {
		rule := i % rules
		var layers [][]float64
		for l := range Positions {
			f := make([]float64, len(statisticNames())*n.Times+Positions)
			for j := range f[:len(statisticNames())*n.Times] {
				f[j] = draw.NormFloat64()
			}
			for j := range 3 * n.Times {
				f[j] += apart * float64(rule)
			}
			f[len(f)-Positions+l] = 1
			layers = append(layers, f)
		}
		n.add(rule, [][][]float64{layers})
	}
	return n
}

func TestSameBitsOnAnyGoroutines(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var before *Networks
	var told string
	for _, procs := range []int{1, 3} {
		runtime.GOMAXPROCS(procs)
		n := train(t, few(t, "adam", "fa", "sgd"))
		r, err := Study{Networks: n, Splits: 3, Trees: 5}.Run(context.Background())
		require.NoError(t, err)
		text, err := json.Marshal(r)
		require.NoError(t, err)
		if before == nil {
			before, told = n, string(text)
			continue
		}
		for v := range n.Views {
			assert.True(t, same(before.Features[v], n.Features[v]))
		}
		assert.Equal(t, told, string(text))
	}
	p := few(t, "adam", "fa", "sgd")
	p.Key++
	assert.False(t, same(before.Features[0], train(t, p).Features[0]))
}

func TestSplitsAreGroupedAndBalanced(t *testing.T) {
	n := made(1, 3, 10, 0)
	for _, s := range n.Splits(5, 7) {
		assert.Len(t, s.Fit, 21)
		assert.Len(t, s.Test, 9)
		count := make([]int, 3)
		for _, net := range s.Test {
			assert.NotContains(t, s.Fit, net)
			count[n.Rule[net]]++
		}
		assert.Equal(t, []int{3, 3, 3}, count)
		trial := trial{networks: n, columns: n.columns(n.allTimes()), rule: n.Rule}
		table, nets := trial.examples(s.Test)
		assert.Len(t, table.X, 27, "all layers of a network are on its side")
		for i, net := range nets {
			assert.Equal(t, n.Rule[net], table.Y[i])
		}
	}
	assert.Equal(t, n.Splits(2, 7), n.Splits(2, 7))
	assert.NotEqual(t, n.Splits(2, 7), n.Splits(2, 8))
}

// What tells rules apart is found, where it is, and not where it is not; rules dealt out at random are told by chance alone.
func TestStudyOfMadeNetworks(t *testing.T) {
	n := made(2, 4, 24, 2)
	r, err := Study{Networks: n, Splits: 4, Trees: 40}.Run(context.Background())
	require.NoError(t, err)
	a := r.Accuracy
	assert.Equal(t, 0.25, r.Chance)
	assert.Equal(t, 96, r.Nets)
	assert.Greater(t, a.Net.Mean, 0.95)
	assert.Greater(t, a.Net.Mean, a.Layer.Mean)
	assert.Greater(t, a.Linear.Net.Mean, 0.6)
	assert.InDelta(t, 0.25, a.Permuted.Net.Mean, 0.15)
	assert.Greater(t, a.ByObservable["weights"].Net.Mean, 0.95)
	assert.InDelta(t, 0.25, a.ByObservable["activations"].Net.Mean, 0.15)
	assert.InDelta(t, 0.25, a.ByObservable["change"].Net.Mean, 0.15)
	assert.Greater(t, a.ByTimes["last"].Net.Mean, 0.8)
	var first []string
	sum, test := 0.0, 0
	for i, x := range r.Importance {
		if i < 3 {
			first = append(first, x.Name)
		}
		sum += x.Value
	}
	assert.ElementsMatch(t, []string{"weights.raw.mean", "weights.raw.variance", "weights.raw.median"}, first)
	assert.InDelta(t, 1, sum, 1e-9)
	for k, row := range r.Confusion {
		assert.Greater(t, row[k], 20)
		for _, c := range row {
			test += c
		}
	}
	assert.Equal(t, 4*24, test)
	assert.Empty(t, r.Dropped)
	require.Len(t, r.Unknown, 4)
	assert.Greater(t, r.Unknown[3].Refused, 0.8, "it lies beyond the others")
}

// A statistic that is not finite in one place is left out everywhere, by name.
func TestInadmissible(t *testing.T) {
	n := made(3, 2, 4, 1)
	s := slices.Index(statisticNames(), "change.abs.skew")
	n.Features[0][5][s*n.Times+1] = math.NaN()
	n.Features[0][0][2] = math.Inf(-1)
	assert.Equal(t, []string{"weights.raw.mean", "change.abs.skew"}, n.Dropped())
	c := n.columns(n.allTimes())
	assert.Len(t, c.names, 63-2+1)
	assert.Len(t, c.at, (63-2)*3+3)
	for _, f := range n.Features[0] {
		for _, x := range c.of(f) {
			assert.False(t, math.IsNaN(x) || math.IsInf(x, 0))
		}
	}
	change := n.columns([]int{0, 2}, "change")
	assert.Len(t, change.at, 20*2+3)
	assert.Equal(t, "change.raw.mean", change.names[0])
	assert.Equal(t, []float64{2, 2, 3}, columns{names: []string{"a", "b", "position"}, times: []int{0, 1}}.sum([]float64{1, 1, 1, 1, 1, 1, 1}))
}

// A network is told by the mean of its layers' probabilities.
func TestNetworksAreToldByAllLayers(t *testing.T) {
	n := made(4, 2, 1, 0)
	for i, p := range []float64{0.9, 0.2, 0.6, 0.4, 0.4, 0.9} { // probabilities of rule 0 for the layers of network 0, then 1
		n.Features[0][i][0] = p
	}
	s := trial{networks: n, columns: n.columns(n.allTimes()), rule: n.Rule}.score(oracle{}, []int{0, 1})
	assert.Equal(t, [][]int{{1, 0}, {1, 0}}, s.confusion)
	assert.Equal(t, 0.5, s.net)
	assert.InDelta(t, 4./6, s.layer, 1e-12)
}

// An oracle is told the probability of class 0 by the first feature.
type oracle struct{}

func (oracle) Probabilities(p, x []float64) { p[0], p[1] = x[0], 1-x[0] }

var _ classify.Classifier = oracle{}

func TestBestLevel(t *testing.T) {
	assert.Equal(t, 0.4, bestLevel(nil))
	assert.Equal(t, 0.4, bestLevel([]float64{0.1, 0, 0.9, 0.1, 0.1}), "refuses four of five strangers")
	assert.Equal(t, 0.46, bestLevel([]float64{0.3, 0, 0.9, 0.1, 0.45, 0.45, 0.45}), "it is worth it")
	assert.Equal(t, 0.4, bestLevel([]float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.49}), "it is not")
	assert.Equal(t, 0.4, bestLevel([]float64{1, 1}), "nothing is gained")
}

func TestParts(t *testing.T) {
	n, seen := made(1, 3, 9, 0), map[int]bool{}
	for part := range parts {
		others, of := n.part(part)
		assert.Len(t, others, 27-len(of))
		for _, net := range of {
			assert.False(t, seen[net])
			assert.NotContains(t, others, net)
			seen[net] = true
		}
	}
	assert.Len(t, seen, 27)
}

func TestRealNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("trains 60 networks")
	}
	p := few(t, "momentum", "adam", "none+adam")
	p.Nets, p.Steps, p.Times, p.Views = 20, 300, 7, nil
	n := train(t, p)
	assert.Contains(t, n.Dropped(), "change.raw.kurtosis", "the last layer is linear, and its change the same for all images")
	r, err := Study{Networks: n, Splits: 4, Trees: 40}.Run(context.Background())
	require.NoError(t, err)
	assert.Greater(t, r.Accuracy.Net.Mean, 0.6)
	assert.Less(t, r.Accuracy.Permuted.Net.Mean, 0.55)

	m, err := n.Fit(context.Background(), 60, 1)
	require.NoError(t, err)
	right := 0
	for i := range 9 {
		rec, err := p.record(context.Background(), p.Rules[i%3], uint64(1000+i))
		require.NoError(t, err)
		v, err := m.Identify(rec)
		require.NoError(t, err)
		sum := 0.0
		for _, x := range v.Probabilities {
			sum += x
		}
		assert.InDelta(t, 1, sum, 1e-9)
		if v.Rule == p.Rules[i%3].Name {
			right++
		}
	}
	assert.GreaterOrEqual(t, right, 5)
	_, err = m.Identify(recorded(t, "adam"))
	assert.ErrorContains(t, err, "a recording at 5 times; the networks that are known were recorded at 7")
}

// Networks unlike all that are known are not named, and the known ones mostly are.
func TestUnknown(t *testing.T) {
	all := made(5, 4, 30, 4)
	known := all.without(3)
	m, err := known.Fit(context.Background(), 60, 1)
	require.NoError(t, err)
	named := make([]float64, 4)
	for net, rule := range all.Rule {
		if m.verdict(m.expert.opinion(m.columns, all.layers(net))).Known {
			named[rule] += 1. / 30
		}
	}
	assert.Less(t, named[3], 0.2)
	for _, share := range named[:3] {
		assert.Greater(t, share, 0.3)
	}
	again, err := known.Fit(context.Background(), 60, 1)
	require.NoError(t, err)
	assert.Equal(t, m, again)
}

func TestReportIsShown(t *testing.T) {
	r, err := Study{Networks: train(t, few(t, "adam", "fa", "sgd")), Splits: 2, Trees: 5}.Run(context.Background())
	require.NoError(t, err)
	var table, picture bytes.Buffer
	require.NoError(t, r.WriteTable(&table))
	for _, want := range []string{"12 networks under 3 rules, chance 0.333", "random forest", "forest, rules permuted", "forest, activations alone",
		"forest, 0.5 of the units, noise 1", "forest, first third of the times", "rule left out", "change.raw.kurtosis"} {
		assert.Contains(t, table.String(), want)
	}
	require.NoError(t, r.Plot(&picture, "png"))
	_, err = png.Decode(&picture)
	require.NoError(t, err)
	assert.ErrorContains(t, r.Plot(&picture, "odd"), "identify: plot:")
	var words bytes.Buffer
	v := Verdict{Rule: "b", Probabilities: map[string]float64{"a": 0.3, "b": 0.7}, Known: true}
	require.NoError(t, v.Write(&words))
	v.Known = false
	require.NoError(t, v.Write(&words))
	assert.Regexp(t, `(?s)^b +0.700\na +0.300\nlikeliest: b\n.*unlike any known rule: `, words.String())
}

func TestPopulationRefusals(t *testing.T) {
	for want, change := range map[string]func(*Population){
		"1 rules; want 2 or more":              func(p *Population) { p.Rules = p.Rules[:1] },
		`rules "adam" and "adam" are the same`: func(p *Population) { p.Rules[1] = p.Rules[0] },
		`and "backprop+adam" are the same`:     func(p *Population) { p.Rules[1] = find(t, "backprop+adam")[0] },
		"networks a rule, 4 times":             func(p *Population) { p.Nets = -1 },
		"4 times over 2 steps":                 func(p *Population) { p.Steps = 2 },
		"no data, or no probe":                 func(p *Population) { p.Probe = nil },
		"identify: a view of":                  func(p *Population) { p.Views = []View{{Noise: -1}} },
		"this would need":                      func(p *Population) { p.Nets = 1e9 },
		"identify: a rule without":             func(p *Population) { p.Rules[0] = Rule{} },
		"identify: probe: images of 1 pixels": func(p *Population) {
			p.Probe = p.Probe.Slice(0, 1)
			c := *p.Probe
			c.Rows, c.Cols, c.Images = 1, 1, c.Images[:1]
			p.Probe = &c
		},
	} {
		p := few(t, "adam", "sgd")
		change(&p)
		_, err := p.Train(context.Background())
		assert.ErrorContains(t, err, want)
	}
	p := few(t, "adam", "sgd")
	p.Rules[1].Rates = [2]float64{1e300, 1e300}
	_, err := p.Train(context.Background())
	assert.ErrorContains(t, err, `rule "sgd": 20 networks in a row diverge`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = few(t, "adam", "sgd").Train(ctx)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = Study{Networks: made(1, 3, 4, 1)}.Run(ctx)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = made(1, 3, 4, 1).Fit(ctx, 0, 1)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestStudyRefusals(t *testing.T) {
	uneven := made(1, 2, 5, 1).nets([]int{0, 1, 2, 3, 4, 5, 6, 7, 9})
	for want, s := range map[string]Study{
		"without networks": {}, "3 networks under rule": {Networks: made(1, 2, 3, 1)}, "want as many under each": {Networks: uneven},
		"-1 splits": {Networks: made(1, 2, 4, 1), Splits: -1}, "-2 trees": {Networks: made(1, 2, 4, 1), Trees: -2},
	} {
		_, err := s.Run(context.Background())
		assert.ErrorContains(t, err, want)
	}
}

// A network that diverges is replaced by another, and counted.
func TestDiverged(t *testing.T) {
	p := few(t, "adam", "sgd")
	p.Rules[1].Rates = [2]float64{0.1, 1e9}
	n := train(t, p)
	assert.Positive(t, n.Diverged)
	assert.Len(t, n.Rule, 8)
}

func TestProgress(t *testing.T) {
	p := few(t, "adam", "sgd")
	last := 0.0
	p.Progress = func(f float64) {
		assert.Greater(t, f, last)
		last = f
	}
	n := train(t, p)
	assert.Equal(t, 1.0, last)
	last = 0
	_, err := Study{Networks: n, Splits: 2, Trees: 2, Progress: p.Progress}.Run(context.Background())
	require.NoError(t, err)
	assert.Positive(t, last)
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	rec := recorded(t, "fa")
	rec.Meta = map[string]string{"rule": "fa", "seed": "5"}
	path := filepath.Join(dir, "recording.safetensors")
	require.NoError(t, rec.Save(path))
	got, err := LoadRecording(path)
	require.NoError(t, err)
	assert.Equal(t, rec, got)

	n := train(t, few(t, "adam", "sgd"))
	n.Meta = map[string]string{"seed": "3"}
	other := filepath.Join(dir, "networks.safetensors")
	require.NoError(t, n.Save(other))
	read, err := LoadNetworks(other)
	require.NoError(t, err)
	for v := range n.Views {
		assert.True(t, same(n.Features[v], read.Features[v]))
	}
	n.Features, read.Features = nil, nil // with NaN in them, which is not equal to itself
	assert.Equal(t, n, read)

	_, err = LoadRecording(other)
	assert.ErrorContains(t, err, other+`: wrong kind`)
	_, err = LoadNetworks(path)
	assert.ErrorContains(t, err, path+`: wrong kind`)
}

func TestRecordingRefusals(t *testing.T) {
	for want, change := range map[string]func(*Recording){
		"no layers":                                func(r *Recording) { r.Layers = nil },
		"time 0 after 6":                           func(r *Recording) { r.Times[2] = 0 },
		"layer 1: weights at 4 times, want 5":      func(r *Recording) { r.Layers[1].Weights = r.Layers[1].Weights[1:] },
		"layer 0: 479 activations at time 3, want": func(r *Recording) { r.Layers[0].Activations[3] = r.Layers[0].Activations[3][1:] },
		"layer 2: change at time 4 are not finite": func(r *Recording) { r.Layers[2].Change[4][0] = float32(math.NaN()) },
		"layer 0: a size below 1":                  func(r *Recording) { r.Layers[0].Units = 0 },
	} {
		rec := recorded(t, "sgd")
		change(rec)
		assert.ErrorContains(t, rec.Validate(), "identify: recording: "+want)
		assert.Error(t, rec.Save(filepath.Join(t.TempDir(), "x")))
	}
}

func TestNetworksRefusals(t *testing.T) {
	for want, change := range map[string]func(*Networks){
		"1 rules, 3 times":                     func(n *Networks) { n.Rules = n.Rules[:1] },
		"do not begin with network 0":          func(n *Networks) { n.Net[0] = 1 },
		"another's name":                       func(n *Networks) { n.Rules[1] = n.Rules[0] },
		"network 3 is of rule 7":               func(n *Networks) { n.Rule[3] = 7 },
		"example 4 is of network 0":            func(n *Networks) { n.Net[4] = 0 },
		"23 examples in view 0, want 24":       func(n *Networks) { n.Features[0] = n.Features[0][1:] },
		"example 2 has 191 features, want 192": func(n *Networks) { n.Features[0][2] = n.Features[0][2][1:] },
	} {
		n := made(1, 2, 4, 1)
		change(n)
		assert.ErrorContains(t, n.Validate(), want)
		assert.Error(t, n.Save(filepath.Join(t.TempDir(), "x")))
	}
}
