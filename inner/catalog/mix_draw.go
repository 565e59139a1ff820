package catalog

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/gosource"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/inner/synthetic"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// draw draws a problem's family from an entry.
func (d mixer[F]) draw(e MixEntry, s *rng.Stream) (member mix.MemberOf[F], err error) {
	f, name, err := d.kind(e, s)
	if err != nil {
		return member, err
	}
	if f, err = rescaled(e, f); err != nil {
		return member, err
	}
	if len(e.Scale) > 0 {
		f = mix.ScaledOf[F]{Of: f, Loss: span(e.Scale)}
	}
	f, name = disturbed(e, f, e.Name+" "+name, s)
	return mix.MemberOf[F]{Name: name, Family: f, Weight: 1}, nil
}

// kind draws a family of the entry's kind, and tells its sizes.
func (d mixer[F]) kind(e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string, error) {
	var f inner.FamilyOf[F]
	var sizes string
	switch e.Kind {
	case "autoencoder":
		return d.autoencoder(e, s)
	case "conv":
		return d.conv(e, s)
	case "residual":
		return d.residual(e, s)
	case "teacher":
		f, sizes = teacher[F](e, s)
	case "clusters":
		f, sizes = clusters[F](e, s)
	case "elman", "lstm", "transformer":
		return reader[F](e, s)
	case "function":
		f, sizes = function[F](e, s)
	default:
		return d.mlp(e, s)
	}
	_, err := f.Sample(0) // for its errors
	return f, sizes, err
}

// mlp draws a perceptron on images.
func (d mixer[F]) mlp(e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string, error) {
	set, err := d.some(e, s)
	if err != nil {
		return nil, "", err
	}
	hidden, activation := e.widths(s), one(e.Activation, "relu", s)
	f := credit.FamilyOf[F]{Data: set, Batch: one(e.Batch, 64, s), Init: nets.Init(one(e.Init, string(nets.He), s))}
	var layers []nets.Layer
	for _, width := range hidden {
		layers = append(layers, nets.Dense{Units: width}, nets.Activation(activation))
	}
	layers = append(layers, nets.Dense{Units: set.Classes})
	if err := fits(hidden, f.Batch, set); err != nil {
		return nil, "", err
	}
	if f.Net, err = nets.New[F](nets.Shape{Channels: 1, Rows: set.Rows, Cols: set.Cols}, defaultLoss, layers...); err != nil {
		return nil, "", err
	}
	if _, err := f.Problem(); err != nil {
		return nil, "", err
	}
	return f, chain(set.Pixels(), hidden, set.Classes) + " " + activation, nil
}

// some returns the images that a network learns on.
func (d mixer[F]) some(e MixEntry, s *rng.Stream) (*data.Set, error) {
	set, err := d.sized(one(e.Side, 8, s))
	if err != nil || len(e.Images) == 0 {
		return set, err
	}
	n := min(between(e.Images, 0, s), set.Len())
	from := s.IntN(set.Len() - n + 1)
	return set.Slice(from, from+n), nil
}

// fits reports a network on images that is too large.
func fits(hidden []int, batch int, set *data.Set) error {
	l := listing{images: true, hidden: hidden}
	return errors.Join(l.checkNumbers(Options{Hidden: hidden}), l.checkSize(Options{Batch: batch}, set))
}

// chain writes the widths of a network's layers.
func chain(in int, hidden []int, out int) string {
	sizes := fmt.Sprint(in)
	for _, width := range append(hidden[:len(hidden):len(hidden)], out) {
		sizes += fmt.Sprintf("-%d", width)
	}
	return sizes
}

// room reports a problem that has more numbers of an example than fit a minibatch.
func room(batch, numbers int) error {
	if most := maxOutputs / numbers; batch > most {
		return fmt.Errorf("minibatches of %d for a network that makes %d numbers of an example; want %d or fewer", batch, numbers, most)
	}
	return nil
}

// An untested family is one whose problems tell a loss and a gradient, and nothing of examples that are held out, since there are none.
type untested[F params.Float] struct {
	of      inner.FamilyOf[F]
	numbers int // in memory
}

// Sample implements inner.FamilyOf.
func (f untested[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	p, err := f.of.Sample(key)
	if err != nil {
		return nil, err
	}
	return synthetic.Untested(p, f.numbers), nil
}

// autoencoder draws an autoencoder, whose layers after the narrow one are those before it in the opposite order.
func (d mixer[F]) autoencoder(e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string, error) {
	set, err := d.some(e, s)
	if err != nil {
		return nil, "", err
	}
	down := e.widths(s)
	hidden := append(down[:len(down):len(down)], between(e.Code, 8, s))
	for i := len(down) - 1; i >= 0; i-- {
		hidden = append(hidden, down[i])
	}
	activation, batch := one(e.Activation, "relu", s), one(e.Batch, 64, s)
	numbers := 4 * set.Pixels()
	for _, width := range hidden {
		numbers += 4 * width
	}
	if err := errors.Join(fits(hidden, batch, set), room(batch, numbers)); err != nil {
		return nil, "", err
	}
	of := suite.AutoencoderOf[F]{Train: set, Test: set.Slice(0, 1), Hidden: hidden, Activation: activation, Batch: batch}
	f := untested[F]{of, batch * numbers}
	_, err = f.Sample(0)
	return f, chain(set.Pixels(), hidden, set.Pixels()) + " " + activation, err
}

// conv draws a convolutional network.
func (d mixer[F]) conv(e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string, error) {
	set, err := d.some(e, s)
	if err != nil {
		return nil, "", err
	}
	channels, batch := between(e.Channels, 4, s), one(e.Batch, 64, s)
	numbers := set.Pixels() * (4 + 5*channels) // of both windows and outputs, a quarter and a sixteenth as many places
	if err := room(batch, numbers); err != nil {
		return nil, "", err
	}
	of := suite.ConvOf[F]{Train: set, Test: set.Slice(0, 1), Channels: [2]int{channels, 2 * channels}, Batch: batch}
	f := untested[F]{of, batch * numbers}
	_, err = f.Sample(0)
	return f, fmt.Sprintf("%dx%dx%d", set.Rows, channels, 2*channels), err
}

// residual draws a residual network.
func (d mixer[F]) residual(e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string, error) {
	set, err := d.some(e, s)
	if err != nil {
		return nil, "", err
	}
	blocks, width, batch := e.depth(s), between(e.Width, 16, s), one(e.Batch, 64, s)
	numbers := set.Pixels() + width*(5+3*blocks)
	if err := room(batch, numbers); err != nil {
		return nil, "", err
	}
	of := suite.ResidualOf[F]{Train: set, Test: set.Slice(0, 1), Blocks: blocks, Width: width, Batch: batch}
	f := untested[F]{of, batch * numbers}
	_, err = f.Sample(0)
	return f, fmt.Sprintf("%d-%d with %d blocks", set.Pixels(), width, blocks), err
}

// student draws the network that learns.
func student(e MixEntry, hidden []int, s *rng.Stream) (synthetic.Student, string) {
	activation := one(e.Activation, "relu", s)
	return synthetic.Student{
		Hidden: hidden, Activation: activation, Batch: one(e.Batch, 64, s), Init: nets.Init(one(e.Init, string(nets.He), s)),
	}, activation
}

func teacher[F params.Float](e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string) {
	f := synthetic.TeacherOf[F]{
		Inputs: between(e.Inputs, 16, s), Classes: between(e.Classes, 4, s), Teacher: []int{between(e.Teacher, 16, s)},
	}
	var activation string
	f.Student, activation = student(e, e.widths(s), s)
	return f, chain(f.Inputs, f.Hidden, f.Classes) + " " + activation
}

func clusters[F params.Float](e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string) {
	f := synthetic.ClustersOf[F]{
		Inputs: between(e.Inputs, 16, s), Classes: between(e.Classes, 4, s), Spread: amount(e.Spread, 1, s), Units: amount(e.Units, 1, s),
	}
	var hidden []int
	if len(e.Hidden)+len(e.Depth)+len(e.Width) > 0 {
		hidden = e.widths(s)
	}
	f.Student, _ = student(e, hidden, s)
	return f, chain(f.Inputs, f.Hidden, f.Classes)
}

// reader draws a network that reads a text.
func reader[F params.Float](e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string, error) {
	r := synthetic.Reading{
		Letters: between(e.Letters, 8, s), Hidden: between(e.Width, 16, s), Length: between(e.Length, 8, s), Batch: one(e.Batch, 16, s),
	}
	text := one(e.Text, "chain", s)
	if text == "gosource" {
		var err error
		if r.Text, err = gosource.Load(); err != nil {
			return nil, "", err
		}
		r.Letters = len(r.Text.Alphabet)
	}
	var f inner.FamilyOf[F]
	numbers := 12*r.Hidden + 4*r.Letters // in memory, of a letter
	switch e.Kind {
	case "lstm":
		f = synthetic.LSTMOf[F]{Reading: r}
	case "transformer":
		t := synthetic.TransformerOf[F]{Reading: r, Layers: e.depth(s), Heads: one(e.Heads, 2, s)}
		r.Hidden = (r.Hidden + t.Heads - 1) / t.Heads * t.Heads
		t.Hidden, numbers = r.Hidden, (11+14*t.Layers)*r.Hidden+4*r.Letters+t.Heads*r.Length
		f = t
	default:
		f = synthetic.ElmanOf[F]{Reading: r}
	}
	if err := room(r.Batch, r.Length*numbers); err != nil {
		return nil, "", err
	}
	_, err := f.Sample(0)
	return f, fmt.Sprintf("%d of %s %d, length %d", r.Hidden, text, r.Letters, r.Length), err
}

func function[F params.Float](e MixEntry, s *rng.Stream) (inner.FamilyOf[F], string) {
	f := synthetic.FunctionOf[F]{
		Form: synthetic.Form(one(e.Form, string(synthetic.Quadratic), s)), Dim: between(e.Dim, 32, s),
		Condition: amount(e.Condition, 100, s), Shake: amount(e.Shake, 0, s), Seen: amount(e.Seen, 0, s),
	}
	if one(e.Shape, "vector", s) == "matrix" {
		for f.Rows = int(math.Sqrt(float64(f.Dim))); f.Dim%f.Rows > 0; {
			f.Rows--
		}
	}
	return f, fmt.Sprintf("%s %d", f.Form, f.Dim)
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

// disturbed draws what gradients are handed out, and returns the family that does, under its name.
func disturbed[F params.Float](e MixEntry, f inner.FamilyOf[F], name string, s *rng.Stream) (inner.FamilyOf[F], string) {
	signal := one(e.Signal, "plain", s)
	switch signal {
	case "noisy":
		f = mix.NoisyOf[F]{Of: f, Noise: span(e.Noise)}
	case "directions":
		f = mix.DirectionsOf[F]{Of: f, Least: e.Directions[0], Most: e.Directions[1]}
	case "normalised":
		f = mix.NormalisedOf[F]{Of: f}
	default:
		return f, name
	}
	return f, name + " " + signal
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

// amount draws a number between two.
func amount(ends []float64, otherwise float64, s *rng.Stream) float64 {
	if len(ends) != 2 {
		return otherwise
	}
	return ends[0] * math.Exp(s.Float64()*math.Log(ends[1]/ends[0]))
}

// between draws a whole number between two.
func between(ends []int, otherwise int, s *rng.Stream) int {
	if len(ends) != 2 {
		return otherwise
	}
	return int(math.Round(amount([]float64{float64(ends[0]), float64(ends[1])}, 0, s)))
}

// depth draws a number of layers.
func (e MixEntry) depth(s *rng.Stream) int {
	if len(e.Depth) != 2 {
		return 1
	}
	return e.Depth[0] + s.IntN(e.Depth[1]-e.Depth[0]+1)
}

// widths draws the widths of the hidden layers.
func (e MixEntry) widths(s *rng.Stream) []int {
	if len(e.Hidden) > 0 {
		return e.Hidden
	}
	depth, low, high := e.depth(s), 32.0, 32.0
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
