package suite

import (
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/fashion"
	"github.com/seed1498fded/unroll/inner/data/tables"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// examples are what a network is trained and tested on.
type examples[F params.Float] interface {
	len() int
	// put overwrites x with the input of the i-th example, and y with what the network should make of it.
	put(x, y []F, i int)
}

// labelled are images to be told the class of.
type labelled[F params.Float] struct{ set *data.Set }

func (l labelled[F]) len() int { return l.set.Len() }

func (l labelled[F]) put(x, y []F, i int) {
	kernel.Pixels(x, l.set.Image(i))
	clear(y)
	y[l.set.Labels[i]] = 1
}

// pictures are images to be told themselves.
type pictures[F params.Float] struct{ set *data.Set }

func (p pictures[F]) len() int { return p.set.Len() }

func (p pictures[F]) put(x, y []F, i int) {
	kernel.Pixels(x, p.set.Image(i))
	copy(y, x)
}

// rows are those of a table.
type rows[F params.Float] struct{ table *tables.Table }

func (r rows[F]) len() int { return r.table.Len() }

func (r rows[F]) put(x, y []F, i int) {
	for k, v := range r.table.Row(i) {
		x[k] = F(v)
	}
	if r.table.Classes == 0 {
		y[0] = F(r.table.Y[i])
		return
	}
	clear(y)
	y[int(r.table.Y[i])] = 1
}

// clothes are the images of a family that has none of its own.
func clothes(family string, train, test *data.Set) (*data.Set, *data.Set, error) {
	if err := checkData(family, train != nil, test != nil); err != nil {
		return nil, nil, err
	}
	if train == nil {
		return fashion.Load()
	}
	if err := train.Validate(); err != nil {
		return nil, nil, err
	}
	return train, test, test.Validate()
}
