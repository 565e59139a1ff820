package main

import (
	"strconv"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A wide is a width with the operations that these parts are made of, which are the same in both.
type wide struct {
	width
	suffix string
	n      int // numbers in a register
	units  int // of perceptrons in each hidden layer, if it matters
}

var widths = []wide{{eight, "AVX2", 8, 0}, {sixteen, "AVX512", 16, 0}}

// of is w for perceptrons of so many units.
func (w wide) of(units int) wide {
	w.units = units
	return w
}

// text begins a function, in whose name there is the number of units if it depends on that.
func (w wide) text(name, signature, of string) { w.begin(NOSPLIT, name, signature, of) }

// deepText is text for what has more arguments and locals than may be on a stack that has not been asked for them.
func (w wide) deepText(name, signature, of string) { w.begin(0, name, signature, of) }

func (w wide) begin(a attr.Attribute, name, signature, of string) {
	if w.units > 0 {
		name += strconv.Itoa(w.units)
	}
	TEXT(name+w.suffix, a, "func("+signature+")")
	Pragma("noescape")
	Doc(name + w.suffix + " is " + of + " for slices whose lengths are known to fit.")
}

// with applies an instruction whose first operand is one number in memory, for all of a register.
func (w wide) with(a arithmetic, m Mem, operands ...Op) {
	if w.broadcast {
		a.broadcast(append([]Op{m}, operands...)...)
		return
	}
	a.plain(append([]Op{w.repeated(m)}, operands...)...)
}

var (
	times    = arithmetic{VMULPS, VMULPS_BCST}
	plus     = arithmetic{VADDPS, VADDPS_BCST}
	plusProd = arithmetic{VFMADD231PS, VFMADD231PS_BCST} // z ← z + constant·y
)

func (w wide) repeated(m Mem) reg.VecVirtual {
	v := w.reg()
	VBROADCASTSS(m, v)
	return v
}

func (w wide) zero() reg.VecVirtual {
	v := w.reg()
	VXORPS(v, v, v)
	return v
}

func (w wide) product(x, y reg.VecVirtual) reg.VecVirtual {
	v := w.reg()
	VMULPS(x, y, v)
	return v
}

// limited is x within two bounds. NaN, as the first operand, stays.
func (w wide) limited(x reg.VecVirtual, name string, limit float64) reg.VecVirtual {
	v := w.reg()
	VMINPS(x, w.repeated(float(name, limit)), v)
	VMAXPS(v, w.repeated(float(name+"Below", -limit)), v)
	return v
}

// inverseRoot replaces x, above 0, by 1/√x: exact steps where there are eight lanes, an estimate of 14 bits and Newton's step where
// there are sixteen.
func (w wide) inverseRoot(x reg.VecVirtual) {
	y := w.reg()
	if !w.broadcast {
		VSQRTPS(x, y)
		VDIVPS(y, w.repeated(float("oneF", 1)), x)
		return
	}
	t := w.reg()
	VRSQRT14PS(x, y)
	VMULPS(x, y, t)
	w.with(times, float("halfF", .5), y, x)
	VFNMADD213PS(w.repeated(float("oneF", 1)), y, t) // 1 − xy²
	VFMADD213PS(y, t, x)                             // y/2·(1 − xy²) + y
}

// reciprocal replaces x by 1/x.
func (w wide) reciprocal(x reg.VecVirtual) { VDIVPS(x, w.repeated(float("oneF", 1)), x) }

// A part is which lanes of a register are meant: all if zero.
type part struct{ mask reg.Register }

func (w wide) get(m Mem, p part) reg.VecVirtual {
	v := w.reg()
	switch {
	case p.mask == nil:
		VMOVUPS(m, v)
	case w.broadcast:
		VMOVUPS_Z(m, p.mask, v)
	default:
		VMASKMOVPS(m, p.mask, v)
	}
	return v
}

func (w wide) put(v reg.VecVirtual, m Mem, p part) {
	switch {
	case p.mask == nil:
		VMOVUPS(v, m)
	case w.broadcast:
		VMOVUPS(v, p.mask, m)
	default:
		VMASKMOVPS(v, p.mask, m)
	}
}

// only makes what is not meant zero.
func (w wide) only(v reg.VecVirtual, p part) {
	switch {
	case p.mask == nil:
	case w.broadcast:
		VMOVAPS_Z(v, p.mask, v)
	default:
		VANDPS(p.mask, v, v)
	}
}

// loop runs a body over n numbers, a register's at a time, and over the rest. It uses n up and leaves in at the bytes that are done
// before the rest.
func (w wide) loop(label string, n, at reg.Register, body func(p part)) {
	XORQ(at, at)
	w.onward(label, n, at, body)
}

// while runs a body as long as there are count numbers.
func (w wide) while(label string, n, at reg.Register, count int, body func()) {
	Label(label)
	CMPQ(n, Imm(uint64(count)))
	JLT(LabelRef(label + "rest"))
	body()
	ADDQ(Imm(uint64(4*count)), at)
	SUBQ(Imm(uint64(count)), n)
	JMP(LabelRef(label))
	Label(label + "rest")
}

// onward is loop from where at is.
func (w wide) onward(label string, n, at reg.Register, body func(p part)) {
	w.while(label, n, at, w.n, func() { body(part{}) })
	TESTQ(n, n)
	JZ(LabelRef(label + "done"))
	body(part{w.rest(n)})
	Label(label + "done")
}

// rest is the mask of the first n numbers.
func (w wide) rest(n reg.Register) reg.Register {
	if !w.broadcast {
		return loaded(maskOf(n))
	}
	bits, mask := GP32(), K()
	MOVL(U32(0xffff), bits)
	BZHIL(n.(reg.GPVirtual).As32(), bits, bits)
	KMOVW(bits, mask)
	return mask
}

func base(name string) reg.GPVirtual { return Load(Param(name).Base(), GP64()).(reg.GPVirtual) }

func indexed(base, at reg.Register, k int) Mem {
	return Mem{Base: base, Index: at, Scale: 1, Disp: k}
}

// Sums are kept in registers where there are enough, in memory where not.
type sums struct {
	wide
	memory reg.Register
	held   []reg.VecVirtual
}

func (w wide) sums(n int) *sums {
	s := &sums{wide: w, memory: base("sums")}
	if w.broadcast {
		for k := range n {
			s.held = append(s.held, w.load(s.at(k)))
		}
	}
	return s
}

func (s *sums) at(k int) Mem { return Mem{Base: s.memory, Disp: 4 * lanes * k} }

// add adds the product of x and y to sum k.
func (s *sums) add(k int, x, y reg.VecVirtual) {
	s.change(k, func(v reg.VecVirtual) { VFMADD231PS(x, y, v) })
}

// count adds x to sum k.
func (s *sums) count(k int, x reg.VecVirtual) {
	s.change(k, func(v reg.VecVirtual) { VADDPS(x, v, v) })
}

func (s *sums) change(k int, f func(reg.VecVirtual)) {
	if s.held != nil {
		f(s.held[k])
		return
	}
	v := s.load(s.at(k))
	f(v)
	VMOVUPS(v, s.at(k))
}

// done writes what is held.
func (s *sums) done() {
	s.memory = base("sums")
	for k, v := range s.held {
		VMOVUPS(v, s.at(k))
	}
}

func leave() {
	VZEROUPPER()
	RET()
}
