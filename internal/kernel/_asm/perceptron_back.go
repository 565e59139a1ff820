package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The way back of perceptron.go.

// where makes v zero where x is not above zero.
func (w wide) where(v, x reg.VecVirtual) {
	const less = 0x11
	if w.broadcast {
		mask := K()
		VCMPPS(Imm(less), x, w.zero(), mask)
		VMOVAPS_Z(v, mask, v)
		return
	}
	mask := w.reg()
	VCMPPS(Imm(less), x, w.zero(), mask)
	VANDPS(mask, v, v)
}

// rectifiedBack makes v zero where x is below zero, and half of it where x is zero: where no unit of the layer before is on, and
// there is no bias.
func (w wide) rectifiedBack(v, x reg.VecVirtual) {
	const notMore = 0x12
	half := w.reg()
	w.with(times, float("halfF", .5), v, half)
	if w.broadcast {
		mask := K()
		VCMPPS(Imm(notMore), x, w.zero(), mask)
		VMOVAPS_Z(half, mask, v)
	} else {
		mask := w.reg()
		VCMPPS(Imm(notMore), x, w.zero(), mask)
		VANDPS(mask, half, v)
	}
	w.where(half, x)
	VADDPS(half, v, v)
}

// whereEqual makes v zero where x is not y.
func (w wide) whereEqual(v, x, y reg.VecVirtual) {
	if w.broadcast {
		mask := K()
		VCMPPS(Imm(0), x, y, mask)
		VMOVAPS_Z(v, mask, v)
		return
	}
	mask := w.reg()
	VCMPPS(Imm(0), x, y, mask)
	VANDPS(mask, v, v)
}

// backward computes the cotangents of the first layer's sums from those of the outputs. With s it adds up those of all weights but
// the first layer's, and those of its bias. Where there are sixteen registers the results wait in memory.
func (c *coordinate) backward(weights, theta reg.Register, dOut Mem, units, kept Mem, s *sums) func(h int) reg.VecVirtual {
	hidden := c.rectified(c.firstLayer(weights, theta), units)
	second := c.secondLayer(weights, hidden)
	d := c.get(dOut, c.part)
	if s != nil {
		s.count(c.outBias(), d)
	}
	for j, y := range second {
		if s != nil {
			x := c.reg()
			VMAXPS(y, c.zero(), x)
			s.add(c.out(j), d, x)
		}
		dy := c.reg()
		c.with(times, weight(weights, c.out(j)), d, dy)
		c.rectifiedBack(dy, y)
		second[j] = dy
		if s != nil {
			s.count(c.bias1(j), dy)
		}
	}
	first := make([]reg.VecVirtual, c.units)
	for h := range first {
		x, dx := hidden(h), c.zero()
		for j, dy := range second {
			if s != nil {
				s.add(c.second(h, j), x, dy)
			}
			c.with(plusProd, weight(weights, c.second(h, j)), dy, dx)
		}
		c.where(dx, x)
		if s != nil {
			s.count(c.bias0(h), dx)
		}
		if first[h] = dx; !c.broadcast {
			VMOVUPS(dx, kept.Offset(32*h))
		}
	}
	if c.broadcast {
		return func(h int) reg.VecVirtual { return first[h] }
	}
	return func(h int) reg.VecVirtual { return c.load(kept.Offset(32 * h)) }
}

func (w wide) perceptronBack() {
	w.deepText("perceptronBack", "s0, s1, s2, sv, grad, theta, planes, w, dOut, dTerms, sums []float32", "PerceptronBack")
	units, kept := AllocLocal(4*8*w.units), AllocLocal(4*8*w.units)
	state := []reg.Register{base("s0"), base("s1"), base("s2"), base("sv")}
	grad, theta, planes, weights := base("grad"), base("theta"), base("planes"), base("w")
	dOut, dTerms, at := base("dOut"), base("dTerms"), GP64()
	s := &sums{wide: w, memory: base("sums")}
	n := Load(Param("grad").Len(), GP64())
	w.loop("n", n, at, func(p part) {
		c := coordinate{wide: w, part: p, planes: planes, at: at}
		c.read(grad, state)
		d := c.backward(weights, theta, indexed(dOut, at, 0), units, kept, s)
		for h := range w.units {
			VMOVUPS(d(h), indexed(dTerms, at, h*planeStride))
		}
		for _, f := range c.features(theta) {
			x := f.make()
			for h := range w.units {
				s.add(w.first(f.k, h), x, d(h))
			}
		}
	})
	leave()
}

func (w wide) momentsBack() {
	w.deepText("momentsBack", "s0, s1, s2, sv, grad, theta, planes, w, dOut, e, dn0, dn1, dn2, dnv, ds0, ds1, ds2, dsv, "+
		"dGrad, dTheta, dFactors []float32", "MomentsBack")
	units, kept := AllocLocal(4*8*w.units), AllocLocal(4*8*w.units)
	state := []reg.Register{base("s0"), base("s1"), base("s2"), base("sv")}
	grad, theta, planes, weights, dOut, at := base("grad"), base("theta"), base("planes"), base("w"), base("dOut"), GP64()
	n := Load(Param("grad").Len(), GP64())
	w.loop("n", n, at, func(p part) {
		c := coordinate{wide: w, part: p, planes: planes, at: at}
		there := func(name string) Mem { return indexed(base(name), at, 0) }
		c.read(grad, state)
		d := c.backward(weights, theta, indexed(dOut, at, 0), units, kept, nil)
		// of is the cotangent of feature k, x: through the perceptron, and through its mean square.
		of := func(k int, x reg.VecVirtual) reg.VecVirtual {
			y := w.reg()
			w.with(times, weight(base("e"), k), x, y)
			for h := range w.units {
				w.with(plusProd, weight(weights, w.first(k, h)), d(h), y)
			}
			return y
		}
		plusProduct := func(x, y, to reg.VecVirtual) { VFMADD231PS(x, y, to) }
		dv, dg := of(6, c.v), of(0, c.g)
		clipped := w.limited(c.g, "clipLimit", .1)
		x := of(1, clipped)
		w.whereEqual(x, clipped, c.g)
		VADDPS(x, dg, dg)
		w.put(of(2, w.get(indexed(theta, at, 0), p)), there("dTheta"), p)
		dRoot := of(10, c.root)
		x = of(14, w.product(c.g, c.root))
		plusProduct(x, c.root, dg)
		plusProduct(x, c.g, dRoot)
		for k := range 3 {
			m, f := w.get(indexed(state[k], at, 0), p), c.plane(mostUnits+k, p)
			dm := of(3+k, m)
			VADDPS(w.get(there([]string{"dn0", "dn1", "dn2"}[k]), p), dm, dm)
			x := of(7+k, w.product(m, c.root))
			plusProduct(x, m, dRoot)
			plusProduct(x, c.root, dm)
			x = of(11+k, w.product(c.g, f))
			plusProduct(x, f, dg)
			df := w.product(c.g, x)
			x = of(15+k, w.product(m, f))
			plusProduct(x, f, dm)
			plusProduct(x, m, df)
			VMOVUPS(df, indexed(base("dFactors"), at, (mostUnits+k)*planeStride))
			w.with(plusProd, rest(k), dm, dg)
			w.with(times, decay(k), dm, dm)
			w.put(dm, there([]string{"ds0", "ds1", "ds2"}[k]), p)
		}
		// 1/√(v + 1e-8) has the derivative −½ of its cube.
		VMULPS(c.root, dRoot, dRoot)
		cube := w.product(c.root, c.root)
		w.with(times, float("minusHalf", -.5), cube, cube)
		plusProduct(cube, dRoot, dv)
		VADDPS(w.get(there("dnv"), p), dv, dv)
		x = w.product(c.g, dv)
		w.with(plusProd, float("twiceSquareRest", .1), x, dg)
		w.with(times, float("squareDecay", .95), dv, dv)
		w.put(dv, there("dsv"), p)
		w.put(dg, there("dGrad"), p)
	})
	leave()
}

// fold writes the transpose of expand for the kinds from one to before another.
func (w wide) fold(name, of string, from, to int) {
	w.text(name, "d, down, across, dDown, dAcross []float32, rows, cols, ldDown, ldAcross int", of)
	width := AllocLocal(8) // bytes of a row's registers, negative
	ldDown, ldAcross := Load(Param("ldDown"), GP64()), Load(Param("ldAcross"), GP64())
	bytes(ldDown)
	bytes(ldAcross)
	factors := from >= mostUnits
	d := base("d")
	dDown, dAcross := newColumnOf(base("dDown"), ldDown, from, to), newColumnOf(base("dAcross"), ldAcross, from, to)
	columns := []column{dAcross}
	var down, across column
	if factors {
		down, across = newColumnOf(base("down"), ldDown, from, to), newColumnOf(base("across"), ldAcross, from, to)
		columns = append(columns, across)
	}
	n, at := Load(Param("cols"), GP64()), GP64()
	ADDQ(Imm(uint64(w.n-1)), n)
	ANDQ(I8(-w.n), n)
	SHLQ(U8(2), n)
	NEGQ(n)
	MOVQ(n, width)
	Label("rows")
	sum, v := make([]reg.VecVirtual, to), make([]reg.VecVirtual, to)
	for k := from; k < to; k++ {
		sum[k] = w.zero()
		if factors {
			v[k] = w.repeated(down.kind(k))
		}
	}
	Load(Param("cols"), n)
	w.loop("cols", n, at, func(p part) {
		for k := from; k < to; k++ {
			x, y := w.get(indexed(d, at, k*planeStride), p), w.get(dAcross.kind(k), p)
			if factors {
				VFMADD231PS(w.get(across.kind(k), p), x, sum[k])
				VFMADD231PS(v[k], x, y)
			} else {
				VADDPS(x, sum[k], sum[k])
				VADDPS(x, y, y)
			}
			w.put(y, dAcross.kind(k), p)
		}
		for _, c := range columns {
			c.move(Imm(uint64(4 * w.n)))
		}
	})
	for k := from; k < to; k++ {
		total := w.total(sum[k])
		VADDSS(dDown.kind(k), total, total)
		VMOVSS(total, dDown.kind(k))
	}
	dDown.move(Imm(4))
	if factors {
		down.move(Imm(4))
	}
	back := GP64()
	MOVQ(width, back)
	for _, c := range columns {
		c.move(back)
	}
	Load(Param("cols"), back)
	LEAQ(Mem{Base: d, Index: back, Scale: 4}, d)
	nextRow()
	leave()
}
