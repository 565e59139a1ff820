package credit

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// Inverses are the settings that the rules with learned inverses of each block share: tp, dtp and dtpdrl. The inverse of
// block l is
//
//	gˡ(h) = ψ(Qˡh + cˡ),  Qˡ [Output(l), Input(l)], cˡ [Input(l)],
//
// one for each block but the first. It is dense whatever the block is, so that of large images it takes much memory. What zero
// stands for in Step and Noise is for the rule to say.
type Inverses struct {
	Step       float64         `json:"step"`       // η̂, how far targets are from outputs; below 1e-3 float32 loses their difference
	Noise      float64         `json:"noise"`      // σ of what the inverses learn on
	Activation nets.Activation `json:"activation"` // ψ: one of nets.Activations(), or linear; tanh if empty
	Pretrain   int             `json:"pretrain"`   // epochs in which only Q and c learn, before all else; 1 if zero, none if negative
}

// linear is the Activation that is none.
const linear nets.Activation = "linear"

// An inverse goes back through one block, as it has learned to: a net of one block itself.
type inverse[F params.Float] struct {
	net  *nets.NetOf[F]
	from int // where its weights begin among the rule's own
	// What it makes of the block's output, and of something close to it such as the output's target.
	output, other *nets.TraceOf[F]
	delta, grad   []F // room to learn in
}

func newInverse[F params.Float](net *nets.NetOf[F], l, size int, a nets.Activation) (*inverse[F], error) {
	layers := []nets.Layer{nets.Dense{Units: net.Input(l).Size()}}
	switch a {
	case linear:
	case "":
		layers = append(layers, nets.Activation("tanh"))
	default:
		layers = append(layers, a)
	}
	g, err := nets.New[F](nets.Vector(net.Output(l).Size()), nets.SquaredError, layers...)
	if err != nil {
		return nil, err
	}
	return &inverse[F]{
		net: g, output: g.NewTrace(size), other: g.NewTrace(size),
		delta: make([]F, size*net.Input(l).Size()), grad: make([]F, g.Params().Len()),
	}, nil
}

func (g *inverse[F]) layout(l int) params.Layout {
	w := g.net.Params()
	return params.Layout{{Name: fmt.Sprintf("q%d", l), Shape: w[0].Shape}, {Name: fmt.Sprintf("c%d", l), Shape: w[1].Shape}}
}

// weights returns the inverse's part of the rule's own weights, or of anything laid out like them.
func (g *inverse[F]) weights(own []F) []F {
	to := g.from + g.net.Params().Len()
	return own[g.from:to:to]
}

// run returns g(h). It is the trace's.
func (g *inverse[F]) run(t *nets.TraceOf[F], own, h []F) []F {
	copy(t.In(0), h)
	g.net.ForwardBlock(t, g.weights(own), 0)
	return t.Out(0)
}

// gradient overwrites grad, laid out like the inverse's weights, with their cotangent for that of run's result.
func (g *inverse[F]) gradient(grad []F, t *nets.TraceOf[F], dx []F) {
	g.net.Delta(t, 0, g.delta, dx)
	g.net.Gradient(0, grad, t.In(0), g.delta, t.N)
}
