package handmade

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// An adaptive is the expression of a step of Adam's kin in the making.
type adaptive struct {
	b       *graph.Builder
	in      rule.Inputs
	grad    *G.Node
	old     map[string]*G.Node
	next    map[string]*G.Node
	t       *G.Node // counts this step too
	lr, eps *G.Node
}

// newAdaptive begins a step.
func newAdaptive(b *graph.Builder, in rule.Inputs) *adaptive {
	x := in.Tensors[0]
	return &adaptive{
		b: b, in: in, grad: x.Grad, old: x.State, next: make(map[string]*G.Node),
		t: b.Shift(1, in.Shared["t"]), lr: b.Exp(in.Phi["log_lr"]), eps: b.Exp(in.Phi["log_eps"]),
	}
}

// average moves a running average on by x, and returns it.
func (a *adaptive) average(name, logit string, x *G.Node) *G.Node {
	a.next[name] = hyper.Average(a.b, a.in.Phi[logit], a.old[name], x)
	return a.next[name]
}

// unbiased returns an average that has moved on without the pull of its start at zero.
func (a *adaptive) unbiased(name, logit string) *G.Node {
	return hyper.Unbias(a.b, a.in.Phi[logit], a.next[name], a.t)
}

// root returns √v̂ + ε.
func (a *adaptive) root() *G.Node {
	return a.b.Add(a.b.RootOrZero(a.unbiased("v", "logit_beta2")), a.eps)
}

// ahead returns an unbiased average of gradients as it would be after one more step, but for the gradient of that step, in
// whose place this one's counts: Nesterov's look ahead.
func (a *adaptive) ahead(name, logit string) *G.Node {
	b, beta := a.b, a.in.Phi[logit]
	m := hyper.Unbias(b, beta, a.next[name], b.Shift(1, a.t))
	return hyper.Average(b, beta, m, hyper.Unbias(b, beta, a.grad, a.t))
}

// step ends with a step of −LR times a direction.
func (a *adaptive) step(direction *G.Node) (rule.Outputs, error) {
	out := rule.One(a.b.Neg(a.b.Mul(a.lr, direction)), a.next)
	out.Shared = map[string]*G.Node{"t": a.t}
	return out, a.b.Err()
}
