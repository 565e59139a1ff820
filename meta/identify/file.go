package identify

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/params"
)

// The kinds of the two files; docs/format.md says what is in them.
const (
	KindRecording = "recording"
	KindNetworks  = "networks"
)

// version is that of what both files contain.
const version = "1"

// The keys of a file's metadata that are not the caller's.
const (
	keyVersion = "observables_version"
	keyContent = "observables"
)

// recordingContent is a recording's metadata, as JSON.
type recordingContent struct {
	Times  []int         `json:"times"`
	Layers []layerShapes `json:"layers"`
}

type layerShapes struct {
	Inputs   int `json:"inputs"`
	Columns  int `json:"columns"`
	Examples int `json:"examples"`
	Outputs  int `json:"outputs"`
	Units    int `json:"units"`
}

// Save writes the recording to a file, atomically. A recording that is not valid is an error.
func (r *Recording) Save(path string) error {
	if err := r.Validate(); err != nil {
		return err
	}
	content := recordingContent{Times: r.Times}
	f := &checkpoints.File{Kind: KindRecording}
	for i, l := range r.Layers {
		content.Layers = append(content.Layers, layerShapes{l.Inputs, l.Columns, l.Examples, l.Outputs, l.Units})
		for _, o := range l.observables() {
			t := checkpoints.Tensor{Spec: tensorSpec(i, o, len(r.Times))}
			for _, v := range o.at {
				t.F32 = append(t.F32, v...)
			}
			f.Tensors = append(f.Tensors, t)
		}
	}
	return save(path, f, content, r.Meta)
}

// tensorSpec names an observable of a layer, and says its shape over all times.
func tensorSpec(layer int, o observable, times int) params.Spec {
	return params.Spec{Name: fmt.Sprintf("layer%d.%s", layer, o.name), Shape: []int{times, o.rows, o.columns}}
}

// save writes a file with its content and the caller's metadata.
func save(path string, f *checkpoints.File, content any, meta map[string]string) error {
	text, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("identify: %s: %w", path, err)
	}
	f.Meta = map[string]string{keyVersion: version, keyContent: string(text)}
	for k, v := range meta {
		f.Meta["provenance."+k] = v
	}
	return f.Save(path)
}

// load reads a file of a kind and its content.
func load(path, kind string, content any) (*checkpoints.File, map[string]string, error) {
	f, err := checkpoints.Load(path, kind)
	if err != nil {
		return nil, nil, err
	}
	if v := f.Meta[keyVersion]; v != version {
		return nil, nil, fmt.Errorf("identify: %s: observables of version %.20q, want %q", path, v, version)
	}
	if err := json.Unmarshal([]byte(f.Meta[keyContent]), content); err != nil {
		return nil, nil, fmt.Errorf("identify: %s: its %q: %.100s", path, keyContent, err.Error())
	}
	meta := map[string]string{}
	for k, v := range f.Meta {
		if name, ok := cutProvenance(k); ok {
			meta[name] = v
		}
	}
	return f, meta, nil
}

func cutProvenance(key string) (string, bool) {
	const prefix = "provenance."
	if len(key) > len(prefix) && key[:len(prefix)] == prefix {
		return key[len(prefix):], true
	}
	return "", false
}

// LoadRecording reads what Save wrote. The error of a file that is cut short, foreign or contradicts itself names the file.
func LoadRecording(path string) (*Recording, error) {
	var content recordingContent
	f, meta, err := load(path, KindRecording, &content)
	if err != nil {
		return nil, err
	}
	r := &Recording{Times: content.Times, Meta: meta}
	for i, s := range content.Layers {
		l := Layer{Inputs: s.Inputs, Columns: s.Columns, Examples: s.Examples, Outputs: s.Outputs, Units: s.Units}
		for _, x := range []struct {
			to *[][]float32
			observable
		}{{&l.Weights, l.observables()[0]}, {&l.Activations, l.observables()[1]}, {&l.Change, l.observables()[2]}} {
			spec := tensorSpec(i, x.observable, len(r.Times))
			if err := (params.Layout{spec}).Validate(); err != nil {
				return nil, fmt.Errorf("identify: %s: %w", path, err)
			}
			v, err := checkpoints.Get[float32](f, "", params.Layout{spec})
			if err != nil {
				return nil, fmt.Errorf("identify: %s: %w", path, err)
			}
			*x.to = cut(v, len(r.Times))
		}
		r.Layers = append(r.Layers, l)
	}
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// cut cuts a vector into parts of one length.
func cut[F params.Float](v []F, parts int) [][]F {
	list, n := make([][]F, parts), len(v)/max(1, parts)
	for i := range list {
		list[i] = v[i*n : (i+1)*n : (i+1)*n]
	}
	return list
}

// networksContent is the metadata of networks, as JSON.
type networksContent struct {
	Rules    []string `json:"rules"`
	Times    int      `json:"times"`
	Views    []View   `json:"views"`
	Names    []string `json:"statistics"` // of the features, each at all times; then the position
	Diverged int      `json:"diverged"`
}

// Save writes the networks to a file, atomically: one tensor of features for each view, and the number of the network and of the
// rule of each example.
func (n *Networks) Save(path string) error {
	if err := n.Validate(); err != nil {
		return err
	}
	f := &checkpoints.File{Kind: KindNetworks}
	vector := func(name string, number func(example int) int) {
		t := checkpoints.Tensor{Spec: params.Spec{Name: name, Shape: []int{len(n.Net)}}}
		for i := range n.Net {
			t.F32 = append(t.F32, float32(number(i)))
		}
		f.Tensors = append(f.Tensors, t)
	}
	vector("net", func(i int) int { return n.Net[i] })
	vector("rule", func(i int) int { return n.Rule[n.Net[i]] })
	for v, view := range n.Features {
		t := checkpoints.Tensor{Spec: params.Spec{Name: "features" + strconv.Itoa(v), Shape: []int{len(view), len(view[0])}}}
		for _, x := range view {
			t.F64 = append(t.F64, x...)
		}
		f.Tensors = append(f.Tensors, t)
	}
	return save(path, f, networksContent{n.Rules, n.Times, n.Views, statisticNames(), n.Diverged}, n.Meta)
}

// LoadNetworks reads what Save wrote. The error of a file that is cut short, foreign or contradicts itself names the file.
func LoadNetworks(path string) (*Networks, error) {
	var content networksContent
	f, meta, err := load(path, KindNetworks, &content)
	if err != nil {
		return nil, err
	}
	n := &Networks{Rules: content.Rules, Times: content.Times, Views: content.Views, Diverged: content.Diverged, Meta: maps.Clone(meta)}
	if err := n.fill(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// fill takes the tensors of a file.
func (n *Networks) fill(f *checkpoints.File) error {
	at := f.Layout("").Index("net")
	if at < 0 {
		return errors.New(`identify: networks: no tensor "net"`)
	}
	examples := f.Tensors[at].Shape[0]
	if n.Times < 2 || n.Times > 1<<20 {
		return fmt.Errorf("identify: networks: looked at at %d times; want 2 or more", n.Times)
	}
	vector := params.Layout{{Name: "net", Shape: []int{examples}}, {Name: "rule", Shape: []int{examples}}}
	v, err := checkpoints.Get[float32](f, "", vector)
	if err != nil {
		return err
	}
	for i := range examples {
		n.Net = append(n.Net, int(v[i]))
		if i == 0 || v[i] != v[i-1] {
			n.Rule = append(n.Rule, int(v[examples+i]))
		}
	}
	features := len(statisticNames())*n.Times + Positions
	for i := range n.Views {
		x, err := checkpoints.Get[float64](f, "", params.Layout{{Name: "features" + strconv.Itoa(i), Shape: []int{examples, features}}})
		if err != nil {
			return err
		}
		n.Features = append(n.Features, cut(x, examples))
	}
	return n.Validate()
}
