package suite_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// What is written by hand, written once more as an expression that Gorgonia differentiates.

// A reading is the pieces of a text that a minibatch is of.
type reading struct {
	text          *opticks.Text
	length, batch int
}

// letters returns the size of the alphabet.
func (r reading) letters() int { return len(r.text.Alphabet) }

// codes returns the letters of each piece, one more than are to be told, of the minibatch named by key.
func (r reading) codes(key uint64) (pieces [][]byte) {
	draw := rng.New(key)
	for range r.batch {
		from := draw.IntN(len(r.text.Codes) - r.length)
		pieces = append(pieces, r.text.Codes[from:from+r.length+1])
	}
	return pieces
}

// oneHot returns rows of zeros with a one for each letter.
func (r reading) oneHot(codes []byte) []float64 {
	rows := make([]float64, len(codes)*r.letters())
	for i, c := range codes {
		rows[i*r.letters()+int(c)] = 1
	}
	return rows
}

// told returns the mean of −log softmax over n rows in all, for the rows of one-hot labels y.
func told(b *graph.Builder, logits, y *G.Node, n int) *G.Node {
	logProb, err := G.LogSoftMax(logits)
	if err != nil {
		b.Fail(err)
		return nil
	}
	return b.Scale(-1/float64(n), b.Sum(b.Mul(logProb, y)))
}

// affine returns x·w + v.
func affine(b *graph.Builder, x, w, v *G.Node, rows int) *G.Node {
	return b.Add(b.MatMul(x, w), b.RepeatRows(v, rows))
}

// same checks that a family is an expression: losses and gradients near the starts.
func same(t *testing.T, f inner.FamilyOf[float64], e inner.ExpressionOf[float64]) {
	t.Helper()
	p, err := f.Sample(0)
	require.NoError(t, err)
	e.Layout = p.Params()
	q, err := e.Problem()
	require.NoError(t, err)
	n := p.Params().Len()
	theta, noise, grad, want := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for key := range uint64(3) {
		p.Init(theta, key)
		rng.Normal(noise, key+10, .2)
		for i, v := range noise {
			theta[i] += v
		}
		loss, err := p.Eval(grad, theta, key)
		require.NoError(t, err)
		wantLoss, err := q.Eval(want, theta, key)
		require.NoError(t, err)
		require.InDelta(t, wantLoss, loss, 1e-12)
		require.InDeltaSlice(t, want, grad, 1e-12)
	}
}

func TestLSTMIsTheExpression(t *testing.T) {
	const hidden = 4
	r := reading{text(60, 3), 5, 3}
	var data params.Layout
	for step := range r.length + 1 {
		data = append(data, params.Spec{Name: fmt.Sprint(step), Shape: []int{r.batch, r.letters()}})
	}
	same(t, suite.CharLSTMOf[float64]{Train: r.text, Test: r.text, Hidden: hidden, Length: r.length, Batch: r.batch},
		inner.ExpressionOf[float64]{
			Data: data,
			Fill: func(data []float64, key uint64) {
				pieces := r.codes(key)
				for step := range r.length + 1 {
					for _, p := range pieces {
						data = data[copy(data, r.oneHot(p[step:step+1])):]
					}
				}
			},
			Loss: func(theta, data map[string]*G.Node) (*G.Node, error) {
				b := new(graph.Builder)
				var h, c, loss *G.Node
				for step := range r.length {
					z := affine(b, data[fmt.Sprint(step)], theta["lstm.wx"], theta["lstm.b"], r.batch)
					if h != nil {
						z = b.Add(z, b.MatMul(h, theta["lstm.wh"]))
					}
					gate := func(i int) *G.Node { return b.Columns(z, i*hidden, (i+1)*hidden) }
					next := b.Mul(b.Sigmoid(gate(0)), b.Tanh(gate(3)))
					if c != nil {
						next = b.Add(next, b.Mul(b.Sigmoid(gate(1)), c))
					}
					c = next
					h = b.Mul(b.Sigmoid(gate(2)), b.Tanh(c))
					logits := affine(b, h, theta["out.w"], theta["out.b"], r.batch)
					part := told(b, logits, data[fmt.Sprint(step+1)], r.batch*r.length)
					if loss != nil {
						part = b.Add(loss, part)
					}
					loss = part
				}
				return loss, b.Err()
			},
		})
}

// A stack is the transformer as an expression, of one piece at a time.
type stack struct {
	*graph.Builder
	theta               map[string]*G.Node
	heads, size, length int
}

func (s stack) width() int { return s.heads * s.size }

// norm is layer normalisation.
func (s stack) norm(x *G.Node, name string) *G.Node {
	n := s.width()
	mean := func(x *G.Node) *G.Node {
		return s.Spread(s.Scale(1/float64(n), s.SumAlong(x, 1)), 1, s.length, n)
	}
	x = s.Sub(x, mean(x))
	x = s.Div(x, s.Sqrt(s.Shift(1e-5, mean(s.Square(x)))))
	return s.Add(s.Mul(x, s.RepeatRows(s.theta[name+".gain"], s.length)), s.RepeatRows(s.theta[name+".bias"], s.length))
}

// dense is a dense layer.
func (s stack) dense(x *G.Node, name string) *G.Node {
	return affine(s.Builder, x, s.theta[name+".w"], s.theta[name+".b"], s.length)
}

// attend is attention and what follows it, head by head, each with its rows of proj.
func (s stack) attend(qkv, mask *G.Node, name string) *G.Node {
	sum := s.RepeatRows(s.theta[name+".b"], s.length)
	for h := range s.heads {
		part := func(i int) *G.Node {
			from := i*s.width() + h*s.size
			return s.Columns(qkv, from, from+s.size)
		}
		p := s.Exp(s.Add(s.Scale(1/math.Sqrt(float64(s.size)), s.MatMul(part(0), s.Transpose(part(1)))), mask))
		p = s.Div(p, s.Spread(s.SumAlong(p, 1), 1, s.length, s.length))
		sum = s.Add(sum, s.MatMul(s.MatMul(p, part(2)), s.Rows(s.theta[name+".w"], h*s.size, (h+1)*s.size)))
	}
	return sum
}

// gelu is x·Φ(x).
func (s stack) gelu(x *G.Node) *G.Node {
	below := s.Apply(graph.Def{
		Name: "distribution function", Shape: x.Shape().Clone(),
		F64: graph.Kernel[float64]{Forward: func(dst []float64, in [][]float64) {
			for i, v := range in[0] {
				dst[i] = math.Erfc(-v/math.Sqrt2) / 2
			}
		}},
		Diff: func(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			b := new(graph.Builder)
			density := b.Scale(1/math.Sqrt(2*math.Pi), b.Exp(b.Scale(-.5, b.Square(in[0]))))
			return []*G.Node{b.Mul(cot, density)}, b.Err()
		},
	}, x)
	return s.Mul(x, below)
}

// logits runs one piece.
func (s stack) logits(x, mask *G.Node, layers int) *G.Node {
	h := s.Add(s.MatMul(x, s.theta["token"]), s.theta["position"])
	for i := range layers {
		name := fmt.Sprintf("layer%d", i)
		h = s.Add(h, s.attend(s.dense(s.norm(h, name+".norm0"), name+".qkv"), mask, name+".proj"))
		h = s.Add(h, s.dense(s.gelu(s.dense(s.norm(h, name+".norm1"), name+".up")), name+".down"))
	}
	return s.dense(s.norm(h, "norm"), "out")
}

func TestTransformerIsTheExpression(t *testing.T) {
	const layers = 2
	r := reading{text(60, 3), 4, 2}
	data := params.Layout{{Name: "mask", Shape: []int{r.length, r.length}}}
	for row := range r.batch {
		data = append(data,
			params.Spec{Name: fmt.Sprint("x", row), Shape: []int{r.length, r.letters()}},
			params.Spec{Name: fmt.Sprint("y", row), Shape: []int{r.length, r.letters()}})
	}
	f := suite.TransformerOf[float64]{Train: r.text, Test: r.text, Layers: layers, Heads: 2, Size: 3, Length: r.length, Batch: r.batch}
	same(t, f,
		inner.ExpressionOf[float64]{
			Data: data,
			Fill: func(data []float64, key uint64) {
				clear(data)
				for i := range r.length {
					for j := i + 1; j < r.length; j++ {
						data[i*r.length+j] = -1e4
					}
				}
				data = data[r.length*r.length:]
				for _, p := range r.codes(key) {
					data = data[copy(data, r.oneHot(p[:r.length])):]
					data = data[copy(data, r.oneHot(p[1:])):]
				}
			},
			Loss: func(theta, data map[string]*G.Node) (*G.Node, error) {
				s := stack{new(graph.Builder), theta, 2, 3, r.length}
				var loss *G.Node
				for row := range r.batch {
					logits := s.logits(data[fmt.Sprint("x", row)], data["mask"], layers)
					part := told(s.Builder, logits, data[fmt.Sprint("y", row)], r.batch*r.length)
					if loss != nil {
						part = s.Add(loss, part)
					}
					loss = part
				}
				return loss, s.Err()
			},
		})
}
