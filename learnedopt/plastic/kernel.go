package plastic

import (
	"math"

	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// mostSynapses is up to how many synapses, in all runs and counted once an example, a polynomial's step is taken by plain loops.
// What graphs and matrix products cost to call is more than the work then; evolution takes tens of millions of such steps.
const mostSynapses = 1 << 8

// loops is the step of a polynomial over few synapses.
type loops struct {
	terms   []loopTerm
	tensors []loopTensor
	runs    int
	theta   int // weights of a run
	senses  int // and what they feel

	logRate, baseline, reward int // where in phi, and among the senses; -1 for none
}

// A loopTerm is a term whose names have become places.
type loopTerm struct {
	phi   int // in phi; -1: a factor of 1
	falls bool
	side  int // 0 neither, 1 y(i), 2 w(i,j), 3 both
	post  []int
}

// A loopTensor is one tensor of weights, and where among the senses lies what it feels.
type loopTensor struct {
	from, pre, post, examples int
	before                    int
	behind                    [4]int // by the order of the variable behind; what is not read is nowhere
}

// kernel returns the arithmetic for few synapses, nil for more, and for what is not r itself but embeds it.
func (p polynomial) kernel(r, bound rule.Rule, b rule.Binding) rule.Kernel {
	if r != bound {
		return nil
	}
	spec := p.spec()
	k := &loops{runs: b.Copies, theta: b.Theta.Len(), senses: b.Senses.Len(), logRate: -1, baseline: -1, reward: -1}
	from, work := 0, 0
	for _, w := range b.Theta {
		t := loopTensor{from: from, before: find(b.Senses, params.Pre.Of(w.Name))}
		t.pre, t.post = neurons(w)
		t.examples = b.Senses[b.Senses.Index(params.Pre.Of(w.Name))].Shape[0]
		for i, v := range behind {
			if spec.Reads&v != 0 {
				t.behind[i] = find(b.Senses, v.Senses()[0].Of(w.Name))
			}
		}
		k.tensors = append(k.tensors, t)
		from += w.Len()
		work += w.Len() * t.examples
	}
	if work*b.Copies > mostSynapses {
		return nil
	}
	for _, t := range p.terms {
		k.terms = append(k.terms, t.placed(spec.Phi))
	}
	if p.gate.reward {
		k.reward = find(b.Senses, string(params.Reward))
	}
	if p.gate.logRate != "" {
		k.logRate = find(spec.Phi, p.gate.logRate)
	}
	if p.gate.baseline != "" {
		k.baseline = find(spec.Phi, p.gate.baseline)
	}
	return k
}

func (t term) placed(phi params.Layout) loopTerm {
	l := loopTerm{falls: t.falls, phi: -1, side: index(t.pre) + 2*index(t.weight)}
	if t.phi != "" {
		l.phi = find(phi, t.phi)
	}
	for i, v := range behind {
		if t.post&v != 0 {
			l.post = append(l.post, i)
		}
	}
	return l
}

// Step implements rule.Kernel.
func (k *loops) Step(step, _ []float32, p rule.Point[float32]) error {
	clear(step)
	for run := range k.runs {
		senses := p.Senses[run*k.senses:][:k.senses]
		g := k.gate(p.Phi, senses)
		for i := range k.tensors {
			t := &k.tensors[i]
			at, n := run*k.theta+t.from, t.pre*t.post
			var w []float32
			if p.Theta != nil {
				w = p.Theta[at:][:n]
			}
			k.tensor(step[at:][:n], w, t, p.Phi, senses, g)
		}
	}
	return nil
}

func (k *loops) gate(phi, senses []float32) float32 {
	g := float32(1)
	if k.reward >= 0 {
		if g = senses[k.reward]; k.baseline >= 0 {
			g -= phi[k.baseline]
		}
	}
	if k.logRate >= 0 {
		g *= float32(math.Exp(float64(phi[k.logRate])))
	}
	return g
}

// tensor adds the step of one tensor: neuron by neuron, with the sums of all terms that have the same factors y and w.
func (k *loops) tensor(step, w []float32, t *loopTensor, phi, senses []float32, gate float32) {
	for e := range t.examples {
		y := senses[t.before+e*t.pre:][:t.pre]
		for j := range t.post {
			c := k.sides(t, phi, senses, e*t.post+j)
			if w == nil {
				for i, v := range y {
					step[i*t.post+j] += gate * (c[0] + c[1]*v)
				}
				continue
			}
			for i, v := range y {
				at := i*t.post + j
				step[at] += gate * (c[0] + c[1]*v + w[at]*(c[2]+c[3]*v))
			}
		}
	}
}

// sides sums up the terms of a neuron, by their factors y and w.
func (k *loops) sides(t *loopTensor, phi, senses []float32, neuron int) (c [4]float32) {
	for i := range k.terms {
		x := &k.terms[i]
		v := float32(1)
		if x.phi >= 0 {
			if v = phi[x.phi]; x.falls {
				v = -v * v
			}
		}
		for _, s := range x.post {
			v *= senses[t.behind[s]+neuron]
		}
		c[x.side&3] += v
	}
	return c
}
