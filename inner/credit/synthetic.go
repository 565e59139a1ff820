package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// synthetic is the assigner of all rules with synthetic gradients: see BPLambdaOf, of which DNIOf and CDNIOf are the end
// λ = 0.
type synthetic[F params.Float] struct {
	net    *nets.NetOf[F]
	lambda F
	models []*model[F] // for each block but the last
	from   []int       // where each model's weights begin in own, and where the last's end
	target [][]F       // g̃, what each should have predicted
	dh     [][]F       // g, what each block's output gets
}

func bindSynthetic[F params.Float](rule string, net *nets.NetOf[F], size int, y Synthesizer, labels bool, lambda float64) (AssignerOf[F], error) {
	if err := y.validate(rule); err != nil {
		return nil, err
	}
	s := &synthetic[F]{net: net, lambda: F(lambda), from: []int{0}}
	for l := range net.Blocks() - 1 {
		outputs := net.Output(l).Size()
		m, err := newModel(net, size, l, labels, y.layers(outputs))
		if err != nil {
			return nil, err
		}
		s.models = append(s.models, m)
		s.from = append(s.from, s.from[l]+m.net.Params().Len())
		s.target = append(s.target, make([]F, size*outputs))
		s.dh = append(s.dh, make([]F, size*outputs))
	}
	return s, nil
}

// part cuts the weights of the model of block l out of own, or out of anything laid out like it.
func (y *synthetic[F]) part(own []F, l int) []F { return own[y.from[l]:y.from[l+1]:y.from[l+1]] }

func (y *synthetic[F]) Params() params.Layout {
	var own params.Layout
	for _, m := range y.models {
		own = append(own, m.layout()...)
	}
	return own
}

func (y *synthetic[F]) Init(own, _ []F, key uint64) {
	for l, m := range y.models {
		m.init(y.part(own, l), key)
	}
}

func (y *synthetic[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, own []F, _ uint64) error {
	top := y.net.Blocks() - 1
	y.net.Delta(t, top, s.Delta[top], t.E)
	for l := top - 1; l >= 0; l-- {
		w, _ := y.net.Weights(theta, l+1)
		y.net.Below(t, l+1, y.target[l], w, s.Delta[l+1])
		y.models[l].predict(y.dh[l], t, y.part(own, l))
		y.mix(l)
		y.net.Delta(t, l, s.Delta[l], y.dh[l])
	}
	return nil
}

// mix turns the prediction into what block l gets.
func (y *synthetic[F]) mix(l int) {
	for i, v := range y.dh[l] {
		y.dh[l][i] = F(y.lambda*y.target[l][i]) + F((1-y.lambda)*v) // F() forbids a fused multiply-add
	}
}

// Learn implements LearnerOf: the targets count as constants, and nothing is added to the gradient of the net's weights.
func (y *synthetic[F]) Learn(dOwn, _ []F, _ *SignalOf[F], _ *nets.TraceOf[F], _, own []F, _ uint64) error {
	for l, m := range y.models {
		if err := m.learn(y.part(dOwn, l), y.target[l], y.part(own, l)); err != nil {
			return err
		}
	}
	return nil
}
