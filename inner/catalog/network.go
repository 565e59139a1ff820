package catalog

import (
	"cmp"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

func (o Options) activation() string { return cmp.Or(o.Activation, defaultActivation) }

func (o Options) credit() string { return cmp.Or(o.Credit, credit.BackpropOf[float32]{}.Name()) }

// network returns the problem's network.
func network[F params.Float](l listing, o Options, set *data.Set) (credit.FamilyOf[F], error) {
	f := credit.FamilyOf[F]{Data: set, Batch: cmp.Or(o.Batch, l.batch), Init: nets.Init(o.Init)}
	var err error
	if f.Rule, err = credit.Named[F](o.credit(), o.CreditConfig); err != nil {
		return f, err
	}
	var layers []nets.Layer
	for _, width := range l.widths(o) {
		layers = append(layers, nets.Dense{Units: width}, nets.Activation(o.activation()))
	}
	layers = append(layers, nets.Dense{Units: set.Classes})
	loss := cmp.Or(nets.Loss(o.Loss), defaultLoss)
	if f.Net, err = nets.New[F](nets.Shape{Channels: 1, Rows: set.Rows, Cols: set.Cols}, loss, layers...); err != nil {
		return f, err
	}
	_, err = f.Problem()
	return f, err
}

// stepwise returns the network for training that takes each minibatch once, as all do that go by the keys of minibatches.
func stepwise[F params.Float](l listing, o Options, set *data.Set) (inner.FamilyOf[F], error) {
	f, err := network[F](l, o, set)
	if err != nil {
		return nil, err
	}
	p, err := f.Problem()
	if err != nil {
		return nil, err
	}
	if n := p.Repeats(); n > 1 {
		return nil, fmt.Errorf("credit rule %s makes %d updates on each minibatch, which only training for epochs does", o.Credit, n)
	}
	return f, nil
}
