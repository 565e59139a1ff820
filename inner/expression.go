package inner

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// ExpressionOf makes a problem of a loss written with Gorgonia. Its gradient and its products with the Hessian are
// derived from the expression; nothing but Loss need be written where the weights start at zero and there is no data.
//
// Tensors of shape [1] become Gorgonia scalars, all others keep their shape. All are of element type F, and so must
// be the constants that Loss mixes with them. What is random must come in through Data: an operation that draws numbers
// of its own, such as Gorgonia's Dropout, gives another loss each time.
type ExpressionOf[F params.Float] struct {
	Layout params.Layout               // the weights
	Data   params.Layout               // what the loss reads beside them; may be empty
	Fill   func(data []F, key uint64)  // fills the flat vector of Data with the minibatch named by key; nil if Data is empty
	Start  func(theta []F, key uint64) // fills theta with the start of an episode; nil starts at zero

	// Loss writes the loss, a scalar, as an expression of the weights and the data, by the names of their layouts. It
	// is called once for each problem that is made.
	Loss func(theta, data map[string]*G.Node) (*G.Node, error)
}

// Expression is ExpressionOf in use.
type Expression = ExpressionOf[float32]

var _ Family = Expression{}

// Problem calls Loss and compiles what it gives. The problem also implements CurvatureOf. Its gradient and its products
// with the Hessian are derived when first asked for: an operation of Loss that has no derivative, or no second one, is
// an error of Eval or HessianVector that names it. Where theta is not finite, the loss and the gradient are NaN.
//
// Layouts that are not valid, Data without Fill or Fill without Data, a Loss that fails or panics, as Gorgonia does on
// the nil that a misspelled name gives, and a loss that is not a scalar of type F are errors.
func (e ExpressionOf[F]) Problem() (ProblemOf[F], error) {
	var p *expression[F]
	err := graph.Exclusive(func() (err error) {
		p, err = newExpression(e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("inner: expression: %w", err)
	}
	return p, nil
}

// Graph calls Loss and returns what it wrote, on a graph of its own: the loss, the weights in the order of Layout and the
// data in that of Data. It is for those who take another derivative of the loss than Problem's. What Problem finds wrong
// with the fields or with Loss is an error here too.
func (e ExpressionOf[F]) Graph() (loss *G.Node, weights, data []*G.Node, err error) {
	err = graph.Exclusive(func() (err error) {
		loss, weights, data, err = e.build()
		return err
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("inner: expression: %w", err)
	}
	return loss, weights, data, nil
}

// Sample makes the expression a family of one problem: it ignores its key and returns e.Problem().
func (e ExpressionOf[F]) Sample(uint64) (ProblemOf[F], error) { return e.Problem() }

// An expression owns a graph and the three programs that it runs of it.
type expression[F params.Float] struct {
	ExpressionOf[F]
	weights, batch []*G.Node // in the order of Layout and Data
	loss           *G.Node
	data           []F // the minibatch

	value, gradient, curvature *graph.Program[F] // the latter two nil until asked for
}

var _ Curvature = (*expression[float32])(nil)

func newExpression[F params.Float](e ExpressionOf[F]) (*expression[F], error) {
	p := &expression[F]{ExpressionOf: e, data: make([]F, e.Data.Len())}
	var err error
	if p.loss, p.weights, p.batch, err = e.build(); err != nil {
		return nil, err
	}
	if p.value, err = graph.Compile[F](p.inputs(), []*G.Node{p.loss}); err != nil {
		return nil, err
	}
	return p, nil
}

func (e ExpressionOf[F]) build() (loss *G.Node, weights, batch []*G.Node, err error) {
	if err := e.validate(); err != nil {
		return nil, nil, nil, err
	}
	g := G.NewGraph()
	weights, theta := inputs[F](g, "theta", e.Layout)
	batch, data := inputs[F](g, "data", e.Data)
	if loss, err = e.write(theta, data); err != nil {
		return nil, nil, nil, err
	}
	if loss.Graph() != g {
		return nil, nil, nil, errors.New("the loss is not made of the tensors that Loss was given")
	}
	return loss, weights, batch, nil
}

func (e ExpressionOf[F]) validate() error {
	if err := e.Layout.Validate(); err != nil {
		return fmt.Errorf("layout: %w", err)
	}
	if err := e.Data.Validate(); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	switch {
	case len(e.Layout) == 0:
		return errors.New("an empty Layout: there are no weights")
	case e.Loss == nil:
		return errors.New("no Loss")
	case len(e.Data) > 0 && e.Fill == nil:
		return errors.New("there is Data and no Fill")
	case len(e.Data) == 0 && e.Fill != nil:
		return errors.New("there is a Fill and no Data")
	}
	return nil
}

// inputs makes one input node for each tensor. The prefix keeps a weight and a tensor of data of the same name apart.
func inputs[F params.Float](g *G.ExprGraph, prefix string, l params.Layout) (list []*G.Node, byName map[string]*G.Node) {
	byName = make(map[string]*G.Node)
	for _, s := range l {
		name := G.WithName(prefix + "." + s.Name)
		var n *G.Node
		if len(s.Shape) == 1 && s.Shape[0] == 1 {
			n = G.NewScalar(g, graph.Dtype[F](), name)
		} else {
			n = G.NewTensor(g, graph.Dtype[F](), len(s.Shape), G.WithShape(s.Shape...), name)
		}
		list = append(list, n)
		byName[s.Name] = n
	}
	return list, byName
}

// write calls Loss and checks its result. Gorgonia does not check its arguments for nil, which is what a map gives for a
// name it does not have; the panic becomes an error that lists the names there are.
func (e ExpressionOf[F]) write(theta, data map[string]*G.Node) (loss *G.Node, err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		loss, err = nil, fmt.Errorf("panic in Loss: %v", v)
		if _, ok := v.(runtime.Error); ok {
			err = fmt.Errorf("%w (is a name misspelled? weights: %s; data: %s)", err, names(e.Layout), names(e.Data))
		}
	}()
	loss, err = e.Loss(theta, data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("loss: %w", err)
	case loss == nil:
		return nil, errors.New("the Loss gave no node")
	case !loss.Shape().IsScalar():
		return nil, fmt.Errorf("the loss has shape %v; want a scalar", loss.Shape())
	case loss.Dtype() != graph.Dtype[F]():
		return nil, fmt.Errorf("the loss is of %v; want %v", loss.Dtype(), graph.Dtype[F]())
	}
	return loss, nil
}

func names(l params.Layout) string {
	if len(l) == 0 {
		return "none"
	}
	var s []string
	for _, t := range l {
		s = append(s, t.Name)
	}
	return strings.Join(s, ", ")
}

func (p *expression[F]) inputs() []*G.Node {
	return append(p.weights[:len(p.weights):len(p.weights)], p.batch...)
}

func (p *expression[F]) Params() params.Layout { return p.Layout }

func (p *expression[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, p.Layout.Len())
	clear(theta)
	if p.Start != nil {
		p.Start(theta, key)
	}
}

func (p *expression[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	checkEval(grad, theta, p.Layout.Len())
	if !kernel.Finite(theta) { // not left to the arithmetic: Gorgonia's products leave out a weight whose inputs are all zero
		fillNaN(grad)
		return math.NaN(), nil
	}
	prog := p.value
	if grad != nil {
		if err := graph.Exclusive(p.deriveGradient); err != nil {
			return 0, fmt.Errorf("inner: expression: gradient: %w", err)
		}
		prog = p.gradient
	}
	p.load(prog, theta, key)
	if err := prog.Run(); err != nil {
		return 0, fmt.Errorf("inner: expression: %w", err)
	}
	if grad != nil {
		gather(grad, prog, 1)
	}
	return float64(prog.Out(0)[0]), nil
}

func (p *expression[F]) HessianVector(dst, theta, v []F, key uint64) error {
	checkHessianVector(dst, theta, v, p.Layout.Len())
	if !kernel.Finite(theta) || !kernel.Finite(v) {
		fillNaN(dst)
		return nil
	}
	if err := graph.Exclusive(p.deriveCurvature); err != nil {
		return fmt.Errorf("inner: expression: second derivative: %w", err)
	}
	p.load(p.curvature, theta, key)
	scatter(p.curvature, len(p.weights)+len(p.batch), len(p.weights), v)
	if err := p.curvature.Run(); err != nil {
		return fmt.Errorf("inner: expression: %w", err)
	}
	gather(dst, p.curvature, 0)
	return nil
}

// deriveGradient compiles the loss together with its gradient.
func (p *expression[F]) deriveGradient() error {
	if p.gradient != nil {
		return nil
	}
	grads, err := p.derive(p.loss)
	if err != nil {
		return err
	}
	p.gradient, err = graph.Compile[F](p.inputs(), append([]*G.Node{p.loss}, grads...))
	return err
}

// deriveCurvature compiles ∇<∇f, v>, the product of the Hessian and v, with the tensors of v as inputs.
func (p *expression[F]) deriveCurvature() error {
	if p.curvature != nil {
		return nil
	}
	grads, err := p.derive(p.loss)
	if err != nil {
		return err
	}
	v, _ := inputs[F](p.loss.Graph(), "v", p.Layout)
	b := new(graph.Builder)
	var inner *G.Node
	for i, g := range grads {
		term := b.Sum(b.Mul(g, v[i]))
		if i > 0 {
			term = b.Add(inner, term)
		}
		inner = term
	}
	if b.Err() != nil {
		return b.Err()
	}
	products, err := p.derive(inner)
	if err != nil {
		return err
	}
	p.curvature, err = graph.Compile[F](append(p.inputs(), v...), products)
	return err
}

// derive returns the gradient of y with respect to the weights. Some of Gorgonia's operations panic when asked for a
// derivative that they do not have; that becomes an error.
func (p *expression[F]) derive(y *G.Node) (grads []*G.Node, err error) {
	defer func() {
		if v := recover(); v != nil {
			grads, err = nil, fmt.Errorf("panic in Gorgonia: %v", v)
		}
	}()
	return graph.Grad(y, p.weights...)
}

// load fills a program's first inputs with the weights and the minibatch named by key.
func (p *expression[F]) load(prog *graph.Program[F], theta []F, key uint64) {
	scatter(prog, 0, len(p.weights), theta)
	if p.Fill != nil {
		p.Fill(p.data, key)
		scatter(prog, len(p.weights), len(p.batch), p.data)
	}
}

// scatter copies a flat vector into n inputs of a program from the given one on.
func scatter[F params.Float](prog *graph.Program[F], from, n int, v []F) {
	for i := range n {
		v = v[copy(prog.In(from+i), v):]
	}
}

// gather copies the outputs of a program from the given one on into a flat vector.
func gather[F params.Float](v []F, prog *graph.Program[F], from int) {
	for i := from; len(v) > 0; i++ {
		v = v[copy(v, prog.Out(i)):]
	}
}
