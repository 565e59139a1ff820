package catalog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/synthetic"
)

// A MixEntry is a distribution of problems of one kind. Of each list one is drawn, so that what stands in it twice is twice as likely;
// where the least and the largest are given, a number is drawn uniformly in the logarithm, but for depth, which is uniform.
//
// The kinds, and what each takes beside name, weight, kind, gain, unit, level, scale, signal, noise and directions:
//
//	mlp          perceptrons on images: side, images, hidden or depth and width, activation, batch, init
//	autoencoder  images through a narrow layer: side, images, hidden or depth and width before it, code, activation, batch
//	conv         two convolutions on images: side, images, channels, batch
//	residual     suite.ResidualOf on images: side, images, depth, the number of blocks, width, batch
//	teacher      synthetic.TeacherOf: inputs, classes, teacher, hidden or depth and width, activation, batch, init
//	clusters     synthetic.ClustersOf: inputs, classes, spread, units, hidden or depth and width, or logistic regression without,
//	             activation, batch, init
//	elman, lstm  synthetic.ElmanOf, LSTMOf: text, letters, width, length, batch
//	transformer  synthetic.TransformerOf: text, letters, depth, heads, width, length, batch
//	function     synthetic.FunctionOf: form, shape, dim, condition, shake, seen
type MixEntry struct {
	Name   string  `yaml:"name"`
	Kind   string  `yaml:"kind"`   // mlp if empty
	Weight float64 `yaml:"weight"` // how many of the problems are of this entry, relative to others; 1 if zero

	Side       []int    `yaml:"side"`       // of the images: 4, 7, 8, 14 or 28; 8 if there is none
	Images     []int    `yaml:"images"`     // least and largest number of images that a network has to learn on; all if there is none, or more than there are
	Hidden     []int    `yaml:"hidden"`     // widths of the hidden layers, instead of depth and width
	Depth      []int    `yaml:"depth"`      // least and largest number of hidden layers, or of a transformer's layers or a residual network's blocks; 1 if there is none
	Width      []int    `yaml:"width"`      // least and largest width; in half of the networks the same for all layers
	Activation []string `yaml:"activation"` // relu if there is none
	Batch      []int    `yaml:"batch"`      // examples in a minibatch; 64 if there is none, 16 of texts
	Init       []string `yaml:"init"`       // he if there is none
	Code       []int    `yaml:"code"`       // least and largest width of the narrow layer; 8
	Channels   []int    `yaml:"channels"`   // least and largest number after the first convolution; 4; twice as many after the second

	Inputs  []int     `yaml:"inputs"`  // least and largest number; 16
	Classes []int     `yaml:"classes"` // least and largest number; 4
	Teacher []int     `yaml:"teacher"` // least and largest width of a teacher; 16
	Spread  []float64 `yaml:"spread"`  // least and largest; 1
	Units   []float64 `yaml:"units"`   // least and largest unit that inputs may be measured in; 1

	Text    []string `yaml:"text"`    // chain, new for each key, or gosource, Go source; chain if there is none
	Letters []int    `yaml:"letters"` // least and largest number, of a chain; 8
	Length  []int    `yaml:"length"`  // least and largest number of letters of a piece; 8
	Heads   []int    `yaml:"heads"`   // of a transformer, whose width is made a multiple of their number; 2

	Form      []string  `yaml:"form"`      // quadratic if there is none
	Shape     []string  `yaml:"shape"`     // vector, or matrix, as nearly square as can be; vector if there is none
	Dim       []int     `yaml:"dim"`       // least and largest; 32
	Condition []float64 `yaml:"condition"` // least and largest; 100
	Shake     []float64 `yaml:"shake"`     // least and largest; none
	Seen      []float64 `yaml:"seen"`      // least and largest part; all at once

	Gain       []float64 `yaml:"gain"`       // least and largest factor on a problem's start
	Unit       []float64 `yaml:"unit"`       // least and largest unit of weights; see mix.RescaledOf
	Level      []string  `yaml:"level"`      // what has a unit of its own: none, global, tensor, coordinate
	Scale      []float64 `yaml:"scale"`      // least and largest factor on a problem's loss; see mix.ScaledOf
	Signal     []string  `yaml:"signal"`     // gradients as they are, plain, or noisy, directions or normalised; plain if there is none
	Noise      []float64 `yaml:"noise"`      // least and largest of a noisy one; see mix.NoisyOf
	Directions []int     `yaml:"directions"` // least and largest number; see mix.DirectionsOf
}

// kinds says what each kind takes, in the order of the documentation.
var kinds = []struct{ name, takes string }{
	{"mlp", "side images hidden depth width activation batch init"},
	{"autoencoder", "side images hidden depth width code activation batch"},
	{"conv", "side images channels batch"},
	{"residual", "side images depth width batch"},
	{"teacher", "inputs classes teacher hidden depth width activation batch init"},
	{"clusters", "inputs classes spread units hidden depth width activation batch init"},
	{"elman", "text letters width length batch"},
	{"lstm", "text letters width length batch"},
	{"transformer", "text letters depth heads width length batch"},
	{"function", "form shape dim condition shake seen"},
}

// common is what all kinds take.
const common = "name kind weight gain unit level scale signal noise directions"

// The names that lists of words may have.
var (
	signals = []string{"plain", "noisy", "directions", "normalised"}
	texts   = []string{"chain", "gosource"}
	shapes  = []string{"vector", "matrix"}
)

// UnmarshalYAML reads an entry. What its kind does not take is an error.
func (e *MixEntry) UnmarshalYAML(node *yaml.Node) error {
	type plain MixEntry
	if err := node.Decode((*plain)(e)); err != nil {
		return err
	}
	if e.Kind == "" {
		e.Kind = "mlp"
	}
	takes, err := takenBy(e.Kind)
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i].Value; !slices.Contains(takes, key) {
			return fmt.Errorf("line %d: %s does not take %.60q; it takes %s", node.Content[i].Line, e.Kind, key, strings.Join(takes, ", "))
		}
	}
	return nil
}

func takenBy(kind string) ([]string, error) {
	var names []string
	for _, k := range kinds {
		if k.name == kind {
			return strings.Fields(common + " " + k.takes), nil
		}
		names = append(names, k.name)
	}
	return nil, fmt.Errorf("no kind %.60q; there are %s", kind, strings.Join(names, ", "))
}

func (e MixEntry) validate() error {
	return errors.Join(e.checkRanges(), e.checkWords(), e.checkRest())
}

// The largest numbers of an entry, beside those of all networks.
const (
	maxEntry    = 4096 // inputs, dimensions of functions, widths and lengths of recurrent networks
	maxImages   = 1 << 30
	maxChannels = 256
	maxClasses  = 256
	maxHeads    = 64
)

// checkRanges reports the least and the largest of something where they are not both there, in order and within bounds.
func (e MixEntry) checkRanges() error {
	var errs []error
	for _, r := range []struct {
		name        string
		of          []int
		least, most int
	}{
		{"images", e.Images, 1, maxImages}, {"depth", e.Depth, 1, maxLayers}, {"width", e.Width, 1, maxLayers}, {"code", e.Code, 1, maxLayers},
		{"channels", e.Channels, 1, maxChannels}, {"inputs", e.Inputs, 1, maxEntry}, {"classes", e.Classes, 2, maxClasses},
		{"teacher", e.Teacher, 1, maxLayers}, {"letters", e.Letters, 2, 64}, {"length", e.Length, 1, maxLayers},
		{"dim", e.Dim, 1, maxEntry}, {"directions", e.Directions, 1, maxLayers},
	} {
		switch {
		case len(r.of) != 0 && len(r.of) != 2:
			errs = append(errs, fmt.Errorf("%s: %d numbers; want the least and the largest", r.name, len(r.of)))
		case len(r.of) == 2 && !(r.least <= r.of[0] && r.of[0] <= r.of[1] && r.of[1] <= r.most):
			errs = append(errs, fmt.Errorf("%s: %v; want numbers from %d to %d in order", r.name, r.of, r.least, r.most))
		}
	}
	for _, r := range []struct {
		name string
		of   []float64
		most float64
	}{
		{"gain", e.Gain, 0}, {"unit", e.Unit, 0}, {"scale", e.Scale, 0}, {"noise", e.Noise, 0}, {"spread", e.Spread, 0}, {"units", e.Units, 0},
		{"condition", e.Condition, 0}, {"shake", e.Shake, 0}, {"seen", e.Seen, 1},
	} {
		switch n := len(r.of); {
		case n != 0 && n != 2:
			errs = append(errs, fmt.Errorf("%s: %d numbers; want the least and the largest", r.name, n))
		case n == 2 && r.most > 0 && !(r.of[1] <= r.most):
			errs = append(errs, fmt.Errorf("%s: %v; want numbers up to %v", r.name, r.of, r.most))
		default:
			if err := span(r.of).Validate(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// checkWords reports words that there are not.
func (e MixEntry) checkWords() error {
	var forms []string
	for _, f := range synthetic.Forms() {
		forms = append(forms, string(f))
	}
	var errs []error
	for _, l := range []struct {
		name        string
		list, known []string
	}{
		{"activation", e.Activation, nets.Activations()}, {"signal", e.Signal, signals}, {"text", e.Text, texts},
		{"shape", e.Shape, shapes}, {"form", e.Form, forms},
	} {
		for _, word := range l.list {
			if !slices.Contains(l.known, word) {
				errs = append(errs, fmt.Errorf("no %s %.60q; there are %s", l.name, word, strings.Join(l.known, ", ")))
			}
		}
	}
	for _, i := range e.Init {
		errs = append(errs, nets.Init(i).Validate())
	}
	return errors.Join(errs...)
}

func (e MixEntry) checkRest() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(!(e.Weight >= 0) || math.IsInf(e.Weight, 1), "weight: %v; want a number above 0", e.Weight)
	wrong(len(e.Hidden) > 0 && len(e.Depth)+len(e.Width) > 0, "hidden: there is depth or width too")
	wrong(slices.Contains(e.Signal, "noisy") != (len(e.Noise) > 0), "noise: goes with a signal that is noisy")
	wrong(slices.Contains(e.Signal, "directions") != (len(e.Directions) > 0), "directions: go with a signal of directions")
	for _, h := range e.Heads {
		wrong(h < 1 || h > maxHeads, "heads: %d; want 1 to %d", h, maxHeads)
	}
	for _, b := range e.Batch {
		wrong(b < 1 || b > MaxBatch, "batch: %d; want 1 to %d", b, MaxBatch)
	}
	return errors.Join(errs...)
}
