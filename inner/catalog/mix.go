package catalog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/regular"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// MixPrefix begins the names of mixes: mix:small and mix:general are embedded, mix:FILE is read from a YAML file. See Mix.
const MixPrefix = "mix:"

// Limits of a mix's file.
const (
	maxMixFile    = 1 << 20
	maxMixMembers = 4096
)

//go:embed mixes
var mixes embed.FS

// mixNames returns the names of the embedded mixes.
func mixNames() []string {
	files, err := mixes.ReadDir("mixes")
	if err != nil {
		panic(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, MixPrefix+strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// A Mix is the YAML form of a mix of networks on images: a distribution from which Members networks are drawn by Seed, each as
// likely to be met as any other. Valid and Test are what a rule is chosen and measured on, each network as often as any other; where
// there are none it is other networks of the same distribution. Test has its own images, as everywhere, and Valid those of Train: what a
// rule is chosen by is how it does on other networks, and the 5,000 images of Valid are soon known by heart.
type Mix struct {
	Seed    uint64     `yaml:"seed"`
	Members int        `yaml:"members"` // 1 to 4096; 64 if zero
	Of      []MixEntry `yaml:"of"`
	Valid   []MixEntry `yaml:"valid"`
	Test    []MixEntry `yaml:"test"`
}

// A MixEntry is a distribution of networks. Of each list one is drawn, so that what stands in it twice is twice as likely.
type MixEntry struct {
	Name       string    `yaml:"name"`
	Weight     float64   `yaml:"weight"`     // how many of the networks are of this entry, relative to others; 1 if zero
	Side       []int     `yaml:"side"`       // of the images: 4, 7, 8, 14 or 28; 8 if there is none
	Hidden     []int     `yaml:"hidden"`     // widths of the hidden layers, instead of depth and width
	Depth      []int     `yaml:"depth"`      // least and largest number of hidden layers; 1 if there is none
	Width      []int     `yaml:"width"`      // least and largest width, drawn uniformly in the logarithm; in half of the networks the same for all layers
	Activation []string  `yaml:"activation"` // relu if there is none
	Batch      []int     `yaml:"batch"`      // images in a minibatch; 64 if there is none
	Init       []string  `yaml:"init"`       // he if there is none
	Gain       []float64 `yaml:"gain"`       // least and largest factor on a problem's start
	Unit       []float64 `yaml:"unit"`       // least and largest unit of weights; see mix.RescaledOf
	Level      []string  `yaml:"level"`      // what has a unit of its own: none, global, tensor, coordinate
}

// readMix returns a mix by what follows the prefix in its name, and its file as it is.
func readMix(name string) (Mix, []byte, error) {
	var m Mix
	text, err := mixes.ReadFile("mixes/" + name + ".yaml")
	if err != nil {
		if text, err = regular.ReadFile(name, maxMixFile); err != nil {
			return m, nil, fmt.Errorf("%w; the embedded mixes are %s", err, strings.Join(mixNames(), ", "))
		}
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil && !errors.Is(err, io.EOF) {
		return m, nil, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	m.Members = cmp.Or(m.Members, 64)
	return m, text, m.validate()
}

func (m Mix) validate() error {
	switch {
	case len(m.Of) == 0:
		return errors.New(`nothing to draw from; want a list "of"`)
	case m.Members < 1 || m.Members > maxMixMembers:
		return fmt.Errorf("members: %d; want 1 to %d", m.Members, maxMixMembers)
	}
	for _, list := range [][]MixEntry{m.Of, m.Valid, m.Test} {
		for i, e := range list {
			if err := e.validate(); err != nil {
				return fmt.Errorf("entry %d, %.60q: %w", i+1, e.Name, err)
			}
		}
	}
	return nil
}

func (e MixEntry) validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	pair := func(name string, n int) {
		wrong(n != 0 && n != 2, "%s: %d numbers; want the least and the largest", name, n)
	}
	pair("depth", len(e.Depth))
	pair("width", len(e.Width))
	pair("gain", len(e.Gain))
	pair("unit", len(e.Unit))
	wrong(!(e.Weight >= 0) || math.IsInf(e.Weight, 1), "weight: %v; want a number above 0", e.Weight)
	wrong(len(e.Hidden) > 0 && len(e.Depth)+len(e.Width) > 0, "hidden: there is depth or width too")
	for _, list := range [][]int{e.Depth, e.Width} {
		wrong(len(list) == 2 && !(1 <= list[0] && list[0] <= list[1] && list[1] <= maxLayers), "%v; want numbers from 1 to %d in order", list, maxLayers)
	}
	for _, a := range e.Activation {
		wrong(!slices.Contains(nets.Activations(), a), "no activation %.60q; there are %s", a, strings.Join(nets.Activations(), ", "))
	}
	for _, i := range e.Init {
		if err := nets.Init(i).Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, b := range e.Batch {
		wrong(b < 1 || b > MaxBatch, "batch: %d; want 1 to %d", b, MaxBatch)
	}
	return errors.Join(errs...)
}

// mixed returns the networks of a split of a mix, on the images of another split.
func mixed[F params.Float](name string, o Options, images Split) (*mix.FamilyOf[F], error) {
	m, _, err := readMix(name)
	if err != nil {
		return nil, err
	}
	all, _, err := load(o.Data)
	if err != nil {
		return nil, err
	}
	set, err := images.of(all)
	if err != nil {
		return nil, err
	}
	return networks(m, mixer[F]{sets: map[int]*data.Set{}, all: set}, o.Split)
}

// networks returns those of a split.
func networks[F params.Float](m Mix, d mixer[F], split Split) (*mix.FamilyOf[F], error) {
	entries, fixed := m.Of, false
	if list := [][]MixEntry{nil, m.Valid, m.Test}[split]; len(list) > 0 {
		entries, fixed = list, true
	}
	key := rng.Split(m.Seed, uint64(split))
	n := m.Members
	if fixed {
		n = len(entries)
	}
	var members []mix.MemberOf[F]
	for i := range n {
		s := rng.New(rng.Split(key, uint64(i)))
		e := &entries[i%len(entries)]
		if !fixed {
			e = pick(entries, (float64(i)+s.Float64())/float64(n))
		}
		member, err := d.draw(*e, s)
		if err != nil {
			return nil, fmt.Errorf("entry %.60q: %w", e.Name, err)
		}
		members = append(members, member)
	}
	return mix.New(members)
}

// A Measured is a network that what was learned on a mix is measured on, under its name.
type Measured struct {
	Name         string
	Test, Tuning inner.Family // on the images of Test, and on those of Train, which other optimizers may be tuned on
}

// MeasuredOf returns the networks of a mix for Test, one by one.
func MeasuredOf(name string, o Options) ([]Measured, error) {
	o.Split = Test
	file := strings.TrimPrefix(name, MixPrefix)
	test, err := mixed[float32](file, o, Test)
	if err != nil {
		return nil, fmt.Errorf("catalog: %s: %w", name, err)
	}
	tuning, err := mixed[float32](file, o, Train)
	if err != nil {
		return nil, fmt.Errorf("catalog: %s: %w", name, err)
	}
	var list []Measured
	for i, f := range test.Members() {
		list = append(list, Measured{test.Name(i), f, tuning.Members()[i]})
	}
	return list, nil
}

// pick returns the entry that a part of the weights, from 0 to 1, is in. Parts are spread evenly, so that each entry has its share.
func pick(entries []MixEntry, part float64) *MixEntry {
	sum := 0.0
	for _, e := range entries {
		sum += cmp.Or(e.Weight, 1)
	}
	for i, e := range entries {
		if part -= cmp.Or(e.Weight, 1) / sum; part < 0 {
			return &entries[i]
		}
	}
	return &entries[len(entries)-1]
}

// A mixer draws networks. Those on images of one size share them.
type mixer[F params.Float] struct {
	all  *data.Set
	sets map[int]*data.Set
}

// sized returns the images with a side.
func (d mixer[F]) sized(side int) (*data.Set, error) {
	if d.sets[side] == nil {
		set, err := d.all.Downsample(side)
		if err != nil {
			return nil, err
		}
		d.sets[side] = set
	}
	return d.sets[side], nil
}

// draw draws a network.
func (d mixer[F]) draw(e MixEntry, s *rng.Stream) (mix.MemberOf[F], error) {
	member := mix.MemberOf[F]{Weight: 1}
	set, err := d.sized(one(e.Side, 8, s))
	if err != nil {
		return member, err
	}
	hidden, activation := e.widths(s), one(e.Activation, "relu", s)
	f := credit.FamilyOf[F]{Data: set, Batch: one(e.Batch, 64, s), Init: nets.Init(one(e.Init, string(nets.He), s))}
	var layers []nets.Layer
	sizes := fmt.Sprint(set.Pixels())
	for _, width := range hidden {
		layers = append(layers, nets.Dense{Units: width}, nets.Activation(activation))
		sizes += fmt.Sprintf("-%d", width)
	}
	layers = append(layers, nets.Dense{Units: set.Classes})
	l := listing{images: true, hidden: hidden}
	if err := errors.Join(l.checkNumbers(Options{Hidden: hidden}), l.checkSize(Options{Batch: f.Batch}, set)); err != nil {
		return member, err
	}
	if f.Net, err = nets.New[F](nets.Shape{Channels: 1, Rows: set.Rows, Cols: set.Cols}, defaultLoss, layers...); err != nil {
		return member, err
	}
	if _, err := f.Problem(); err != nil {
		return member, err
	}
	member.Name = fmt.Sprintf("%s %s-%d %s", e.Name, sizes, set.Classes, activation)
	member.Family, err = rescaled(e, inner.FamilyOf[F](f))
	return member, err
}

// rescaled returns the family in other units and from other starts, if the entry says so.
func rescaled[F params.Float](e MixEntry, f inner.FamilyOf[F]) (inner.FamilyOf[F], error) {
	if len(e.Gain)+len(e.Unit)+len(e.Level) == 0 {
		return f, nil
	}
	r := mix.RescaledOf[F]{Of: f, Gain: span(e.Gain), Unit: span(e.Unit)}
	for _, l := range e.Level {
		r.Level = append(r.Level, mix.Level(l))
	}
	return r, r.Validate()
}

func span(v []float64) mix.Range {
	if len(v) != 2 {
		return mix.Range{}
	}
	return mix.Range{Low: v[0], High: v[1]}
}

// one draws one of a list.
func one[T any](list []T, otherwise T, s *rng.Stream) T {
	if len(list) == 0 {
		return otherwise
	}
	return list[s.IntN(len(list))]
}

// widths draws the widths of the hidden layers.
func (e MixEntry) widths(s *rng.Stream) []int {
	if len(e.Hidden) > 0 {
		return e.Hidden
	}
	depth, low, high := 1, 32.0, 32.0
	if len(e.Depth) == 2 {
		depth = e.Depth[0] + s.IntN(e.Depth[1]-e.Depth[0]+1)
	}
	if len(e.Width) == 2 {
		low, high = float64(e.Width[0]), float64(e.Width[1])
	}
	width := func() int { return int(math.Round(low * math.Exp(s.Float64()*math.Log(high/low)))) }
	widths, same := make([]int, depth), s.Float64() < 0.5
	for i := range widths {
		if widths[i] = width(); same {
			widths[i] = widths[0]
		}
	}
	return widths
}

// mixFingerprint names what a mix is: its file.
func mixFingerprint(name string) (string, error) {
	_, text, err := readMix(name)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// asFamily keeps an error from coming with an interface that is not nil.
func asFamily[F params.Float](m *mix.FamilyOf[F], err error) (inner.FamilyOf[F], error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}
