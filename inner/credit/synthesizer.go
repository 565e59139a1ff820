package credit

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A Synthesizer says what a model of synthetic gradients looks like: linear, or with hidden layers of relu units. Its last
// layer starts at zero, and so does what it predicts (Jaderberg et al. 2017, arXiv 1608.05343).
//
// A block has a dense model whatever its own kind: the linear one of a block with n outputs has n² weights and more.
type Synthesizer struct {
	Hidden int `json:"hidden"` // hidden layers, 0 to 2
	Width  int `json:"width"`  // units of each hidden layer; 256 if zero; of no use without hidden layers
}

// maxWidth is far above what is of use, and its square no more than memory can hold.
const maxWidth = 10_000

func (y Synthesizer) validate(rule string) error {
	switch {
	case y.Hidden < 0 || y.Hidden > 2:
		return fmt.Errorf("credit: %s: hidden is %d, want 0 to 2 layers", rule, y.Hidden)
	case y.Width < 0:
		return fmt.Errorf("credit: %s: width is %d, want 1 or more units", rule, y.Width)
	case y.Width > maxWidth:
		return fmt.Errorf("credit: %s: width is %d, want %d units at most", rule, y.Width, maxWidth)
	}
	return nil
}

// layers lists a model's layers for a number of outputs.
func (y Synthesizer) layers(outputs int) []nets.Layer {
	if y.Width == 0 {
		y.Width = 256
	}
	var all []nets.Layer
	for range y.Hidden {
		all = append(all, nets.Dense{Units: y.Width}, nets.Activation("relu"))
	}
	return append(all, nets.Dense{Units: outputs})
}

// A model is a synthesizer's net for the output h of one block. It predicts the derivative of each example's own loss, not
// of its share in the mean: that does not shrink with the batch, and neither does the rate that suits a model.
type model[F params.Float] struct {
	net    *nets.NetOf[F]
	trace  *nets.TraceOf[F]
	signal *SignalOf[F]
	back   *backprop[F]
	block  int
	labels bool // its input is [h; y], y one-hot, and else h
}

func newModel[F params.Float](net *nets.NetOf[F], size, block int, labels bool, layers []nets.Layer) (*model[F], error) {
	inputs := net.Output(block).Size()
	if labels {
		inputs += net.Classes()
	}
	// What a model regresses on takes the place of one-hot targets: the loss is ½|M − target|², a mean over the batch.
	m, err := nets.New[F](nets.Vector(inputs), nets.SquaredError, layers...)
	if err != nil {
		return nil, err
	}
	return &model[F]{
		net: m, trace: m.NewTrace(size), signal: NewSignal(m, size), back: &backprop[F]{walk: newWalk(m, size)}, block: block, labels: labels,
	}, nil
}

// layout lists the model's weights under names of its own.
func (m *model[F]) layout() params.Layout {
	var own params.Layout
	for _, s := range m.net.Params() {
		own = append(own, params.Spec{Name: fmt.Sprintf("sg%d.%s", m.block, s.Name), Shape: s.Shape})
	}
	return own
}

// init draws the hidden layers' weights and sets the last layer's to zero.
func (m *model[F]) init(own []F, key uint64) {
	m.net.Init(own, rng.Split(key, uint64(m.block)))
	w, _ := m.net.Weights(own, m.net.Blocks()-1)
	clear(w)
}

// predict overwrites dh, a cotangent of the block's output in t, with what the model makes of that output.
func (m *model[F]) predict(dh []F, t *nets.TraceOf[F], own []F) {
	m.read(t)
	m.net.Forward(m.trace, own)
	n := F(t.N)
	for i, v := range m.trace.Out(m.net.Blocks() - 1) {
		dh[i] = v / n
	}
}

// read copies the model's input out of a trace.
func (m *model[F]) read(t *nets.TraceOf[F]) {
	x, h := m.trace.In(0), t.Out(m.block)
	if !m.labels {
		copy(x, h)
		return
	}
	outputs, classes := len(h)/t.N, len(t.Target)/t.N
	for i := range t.N {
		row := x[i*(outputs+classes) : (i+1)*(outputs+classes)]
		copy(row, h[i*outputs:(i+1)*outputs])
		copy(row[outputs:], t.Target[i*classes:(i+1)*classes])
	}
}

// learn overwrites dOwn with the derivative of what the model minimises,
//
//	½ mean_i |M(hᵢ) − N·targetᵢ|²,
//
// for the batch of the last call of predict and the cotangent of the block's output that should have been predicted.
func (m *model[F]) learn(dOwn, target, own []F) error {
	n := F(m.trace.N)
	for i, v := range target {
		m.trace.Target[i] = n * v
	}
	m.net.ForwardFrom(m.trace, own, m.net.Blocks()) // the loss alone
	if err := m.back.Assign(m.signal, m.trace, own, nil, 0); err != nil {
		return err
	}
	m.signal.Gradient(m.net, dOwn, m.trace)
	return nil
}
