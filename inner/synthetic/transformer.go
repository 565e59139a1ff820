package synthetic

import (
	"cmp"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/params"
)

// TransformerOf is a transformer that reads: suite.TransformerOf on other texts, with Hidden as its width.
type TransformerOf[F params.Float] struct {
	Reading
	Layers int // 1 if zero
	Heads  int // a divisor of Hidden; 2 if zero
}

// Transformer is TransformerOf in use.
type Transformer = TransformerOf[float32]

var _ inner.Family = Transformer{}

// Sample returns the problem named by key. Fields out of their ranges are errors.
func (f TransformerOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	layers, heads := cmp.Or(f.Layers, 1), cmp.Or(f.Heads, 2)
	if err := check("Transformer", size{"Layers", layers}, size{"Heads", heads}); err != nil {
		return nil, err
	}
	r, err := f.filled("Transformer", key)
	if err != nil {
		return nil, err
	}
	if r.Hidden%heads > 0 {
		return nil, fmt.Errorf("synthetic: Transformer: %d Heads; want a divisor of Hidden, %d", heads, r.Hidden)
	}
	of, err := suite.TransformerOf[F]{
		Train: r.Text, Test: r.Text, Layers: layers, Heads: heads, Size: r.Hidden / heads, Length: r.Length, Batch: r.Batch,
	}.Sample(key)
	if err != nil {
		return nil, err
	}
	return Untested(of, r.Batch*r.Length*((11+14*layers)*r.Hidden+2*len(r.Text.Alphabet)+heads*r.Length)), nil
}
