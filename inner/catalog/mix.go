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
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/internal/regular"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// MixPrefix begins the names of mixes: mix:small, mix:general, mix:broad, mix:far, mix:letters and mix:paper are embedded, mix:FILE is read from a
// YAML file. See Mix.
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

// A Mix is the YAML form of a mix of networks: a distribution from which Members networks are drawn by Seed, each as
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
