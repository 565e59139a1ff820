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
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/internal/regular"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// MixPrefix begins the names of mixes: mix:small, mix:general, mix:broad, mix:far, mix:letters, mix:transformers, mix:convolutions,
// mix:deep, mix:wide, mix:wider and mix:paper are embedded, mix:FILE is read from a YAML file. See Mix.
const MixPrefix = "mix:"

// Limits of a mix's file.
const (
	maxMixFile    = 1 << 20
	maxMixMembers = 4096
	maxLike       = 8 // mixes that are each like the next
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
//
// A mix may be Like another, embedded or of a file: then it is as that one but for what it gives. An entry of Of gives what differs from the
// other's of the same name and kind, takes the place of one of another kind, or is added.
type Mix struct {
	Like    string     `yaml:"like"` // a name without the prefix, or a file; none if empty
	Seed    uint64     `yaml:"seed"`
	Members int        `yaml:"members"` // 1 to 4096; 64 if zero
	Of      MixEntries `yaml:"of"`
	Valid   []MixEntry `yaml:"valid"`
	Test    []MixEntry `yaml:"test"`
}

// MixEntries are what a mix is drawn from.
type MixEntries []MixEntry

// UnmarshalYAML reads entries over those that are there already.
func (m *MixEntries) UnmarshalYAML(node *yaml.Node) error {
	var given []yaml.Node
	if err := node.Decode(&given); err != nil {
		return err
	}
	others := *m
	for _, n := range given {
		var named struct{ Name, Kind string }
		if err := n.Decode(&named); err != nil {
			return err
		}
		i := slices.IndexFunc(others, func(e MixEntry) bool { return e.Name != "" && e.Name == named.Name })
		switch {
		case i < 0:
			*m, i = append(*m, MixEntry{}), len(*m)
		case named.Kind != "" && named.Kind != others[i].Kind:
			(*m)[i] = MixEntry{}
		}
		if err := n.Decode(&(*m)[i]); err != nil {
			return err
		}
	}
	return nil
}

// readMix returns a mix by what follows the prefix in its name, and its file as it is, after those of the mixes that it is like.
func readMix(name string) (Mix, []byte, error) {
	var m Mix
	text, err := m.read(name, maxLike)
	if err != nil {
		return m, nil, err
	}
	m.Members = cmp.Or(m.Members, 64)
	return m, text, m.validate()
}

// read reads a mix over what there is already, and what it is like before it, so many at most.
func (m *Mix) read(name string, more int) ([]byte, error) {
	text, err := mixes.ReadFile("mixes/" + name + ".yaml")
	if err != nil {
		if text, err = regular.ReadFile(name, maxMixFile); err != nil {
			return nil, fmt.Errorf("%w; the embedded mixes are %s", err, strings.Join(mixNames(), ", "))
		}
	}
	var given struct{ Like string }
	if err := yaml.Unmarshal(text, &given); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	var before []byte
	if given.Like != "" {
		if more == 0 {
			return nil, fmt.Errorf("like: %.60q: more than %d mixes, each like another", given.Like, maxLike)
		}
		if before, err = m.read(given.Like, more-1); err != nil {
			return nil, fmt.Errorf("like: %w", err)
		}
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(m); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return append(before, text...), nil
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
