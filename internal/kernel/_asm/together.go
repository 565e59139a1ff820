package main

import (
	"strconv"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// together takes the steps of one or two registers of coordinates, where there are thirty-two: each weight comes from memory once for
// both.
func (l *perceptronLoop) together(list ...*coordinate) {
	w := l.wide
	acc, out, odd := make(vectors, len(list)), make(vectors, len(list)), make(vectors, len(list))
	features := make([][]feature, len(list))
	for i, c := range list {
		if len(list) > 1 {
			l.ahead(c)
		}
		c.read(l.grad, l.state)
		for h := range w.units {
			acc[i] = append(acc[i], c.plane(h, c.part))
		}
		features[i] = c.features(l.theta)
	}
	made := map[int][]reg.VecVirtual{} // of each kind of feature
	for n, f := range features[0] {
		for i := range list {
			made[f.k] = append(made[f.k], features[i][n].make())
		}
		switch f.k {
		case 0:
		case 1:
			l.calm.products(l, made[0], made[1], acc)
		default:
			for h := range w.units {
				w.products(weight(l.weights, w.first(f.k, h)), made[f.k], acc, h)
			}
		}
	}
	bias, zero := w.repeated(weight(l.weights, w.outBias())), w.zero()
	for i := range list {
		for _, x := range acc[i] {
			VMAXPS(x, zero, x)
		}
		out[i], odd[i] = []reg.VecVirtual{w.reg()}, []reg.VecVirtual{w.zero()}
		VMOVAPS(bias, out[i][0])
	}
	// Four units of the second layer at a time: there are not the registers for more.
	const some = 4
	for first := 0; first < w.units; first += some {
		second := make(vectors, len(list))
		for j := range some {
			y := w.repeated(weight(l.weights, w.bias1(first+j)))
			for i := range list {
				copied := w.reg()
				VMOVAPS(y, copied)
				second[i] = append(second[i], copied)
			}
		}
		for h := range w.units {
			for j := range some {
				w.products(weight(l.weights, w.second(h, first+j)), acc.column(h), second, j)
			}
		}
		zero := w.zero()
		for j := range some {
			to := out
			if j%2 == 1 {
				to = odd
			}
			for _, y := range second.column(j) {
				VMAXPS(y, zero, y)
			}
			w.products(weight(l.weights, w.out(first+j)), second.column(j), to, 0)
		}
	}
	for i, c := range list {
		o := out[i][0]
		VADDPS(odd[i][0], o, o)
		w.only(o, c.part)
		w.put(o, indexed(l.d, l.at, c.ahead), c.part)
		l.sums.add(0, o, o)
	}
}

// ahead asks for what comes some registers later, well before it is needed.
func (l *perceptronLoop) ahead(c *coordinate) {
	const distance = 1024
	for _, from := range append([]reg.Register{l.grad, l.theta, l.d}, l.state...) {
		PREFETCHT0(indexed(from, l.at, distance+c.ahead))
	}
}

// vectors are several registers for each of one or two registers of coordinates.
type vectors [][]reg.VecVirtual

func (v vectors) column(k int) (list []reg.VecVirtual) {
	for _, row := range v {
		list = append(list, row[k])
	}
	return list
}

// products adds that of a number in memory and the x of each to what they have to in a place, where there are masks only in those.
func (w wide) products(m Mem, x []reg.VecVirtual, to vectors, place int, masks ...reg.Register) {
	var v Op = m
	product := VFMADD231PS_BCST
	if len(x) > 1 {
		v, product = w.repeated(m), VFMADD231PS
	}
	for i := range x {
		if masks == nil {
			product(v, x[i], to[i][place])
		} else {
			product(v, x[i], masks[i], to[i][place])
		}
	}
}

// A calm is what shortens the first layer where no gradient is beyond ±0.1: it sees g and g limited to that, which are the same then, so
// that the sum of their weights does. A number's result does not depend on others' in its register.
type calm struct {
	weights Mem // the sums
	later   []func()
}

func (w wide) newCalm(weights reg.Register) calm {
	c := calm{weights: AllocLocal(4 * w.units)}
	sum := reg.VecVirtual(YMM())
	if w.units == 4 {
		sum = XMM()
	}
	VMOVUPS(weight(weights, w.first(0, 0)), sum)
	VADDPS(weight(weights, w.first(1, 0)), sum, sum)
	VMOVUPS(sum, c.weights)
	return c
}

// products adds those of both features.
func (c *calm) products(l *perceptronLoop, g, clipped []reg.VecVirtual, acc vectors) {
	const differ = 4 // or are no numbers
	name := "beyond" + strconv.Itoa(len(c.later))
	var beyond []reg.Register
	for i := range g {
		mask := K()
		VCMPPS(Imm(differ), g[i], clipped[i], mask)
		beyond = append(beyond, mask)
	}
	KORTESTW(beyond[0], beyond[len(beyond)-1])
	JNZ(LabelRef(name))
	for h := range l.units {
		l.wide.products(c.weights.Offset(4*h), g, acc, h)
	}
	Label(name + "done")
	c.later = append(c.later, func() {
		Label(name)
		var within []reg.Register
		for _, mask := range beyond {
			not := K()
			KNOTW(mask, not)
			within = append(within, not)
		}
		for h := range l.units {
			l.wide.products(c.weights.Offset(4*h), g, acc, h, within...)
			l.wide.products(weight(l.weights, l.first(0, h)), g, acc, h, beyond...)
			l.wide.products(weight(l.weights, l.first(1, h)), clipped, acc, h, beyond...)
		}
		JMP(LabelRef(name + "done"))
	})
}

// done writes what is seldom done, behind all else.
func (c *calm) done() {
	for _, f := range c.later {
		f()
	}
}
