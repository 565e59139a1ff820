package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The matrix product and the LSTM's cells on vectors of sixteen, with masks in registers.

// ones fills a register with ones.
func ones() reg.VecVirtual {
	v := ZMM()
	VBROADCASTSS(float("oneF", 1), v)
	return v
}

func zmms(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = ZMM()
	}
	return v
}

func gemm512() {
	TEXT("gemmAVX512", NOSPLIT, "func(c, a, b []float32, n, k, m, ldc, rowA, colA, ldb int, add bool)")
	Pragma("noescape")
	Doc("gemmAVX512 computes C = A·B, or C += A·B if add, see gemmGeneric.")
	// Up to five vectors of columns at a time: the 80 gates of 20 units.
	const panel = 80
	frame := AllocLocal(32)
	t := tiles512{c: GP64(), b: GP64(), a: GP64(), rows: GP64(), mask: K()}
	leave := flushDenormals(frame.Offset(24))
	t.ldc, t.ldb = Load(Param("ldc"), GP64()), Load(Param("ldb"), GP64())
	t.rowA, t.colA = Load(Param("rowA"), GP64()), Load(Param("colA"), GP64())
	for _, r := range []reg.Register{t.ldc, t.ldb, t.rowA, t.colA} {
		bytes(r)
	}
	c, b, left := frame, frame.Offset(8), frame.Offset(16)
	MOVQ(Load(Param("c").Base(), GP64()), c)
	MOVQ(Load(Param("b").Base(), GP64()), b)
	MOVQ(Load(Param("m"), GP64()), left)
	Label("panels")
	MOVQ(c, t.c)
	MOVQ(b, t.b)
	Load(Param("a").Base(), t.a)
	Load(Param("n"), t.rows)
	// The mask of the panel's last vector, which holds 1 to 16 of what is left.
	all := GP32()
	MOVL(U32(0xffff), all)
	KMOVW(all, t.mask)
	CMPQ(left, Imm(panel))
	JGE(LabelRef(t.name(5)))
	tail, ones := reg.RCX, GP64()
	MOVQ(left, tail)
	DECQ(tail)
	ANDQ(Imm(15), tail)
	MOVQ(U32(2), ones)
	SHLQ(reg.CL, ones)
	DECQ(ones)
	KMOVW(ones.As32(), t.mask)
	for v := 1; v <= 4; v++ {
		CMPQ(left, Imm(uint64(16*v)))
		JLE(LabelRef(t.name(v)))
	}
	for v := 5; v >= 1; v-- {
		t.emit(v)
	}
	Label("done")
	ADDQ(U32(4*panel), c)
	ADDQ(U32(4*panel), b)
	SUBQ(Imm(panel), left)
	JG(LabelRef("panels"))
	leave()
	VZEROUPPER()
	RET()
}

// tiles512 are the products of gemm512: tiles of eight rows by up to three vectors, or of four by up to five, and of one
// row where fewer are left.
type tiles512 struct {
	c, a, b, rows        reg.Register
	ldc, rowA, colA, ldb reg.Register // in bytes
	mask                 reg.Register // of the last vector of a row
}

func (t tiles512) name(v int) string { return "wide" + string(rune('0'+v)) }

// emit writes all tiles of v vectors.
func (t tiles512) emit(v int) {
	sizes := []int{8, 4, 1}
	if v > 3 {
		sizes = sizes[1:]
	}
	name := t.name(v)
	Label(name)
	for _, rows := range sizes {
		at := name + "by" + string(rune('0'+rows))
		past := at + "past"
		Label(at)
		CMPQ(t.rows, Imm(uint64(rows)))
		JLT(LabelRef(past))
		t.tile(at, rows, v)
		SUBQ(Imm(uint64(rows)), t.rows)
		JMP(LabelRef(at))
		Label(past)
	}
	JMP(LabelRef("done"))
}

// tile writes one tile at a and c, and moves both behind it.
func (t tiles512) tile(name string, rows, v int) {
	load := func(from reg.Register, j int, to reg.VecVirtual) {
		if at := (Mem{Base: from, Disp: 64 * j}); j < v-1 {
			VMOVUPS(at, to)
		} else {
			VMOVUPS_Z(at, t.mask, to)
		}
	}
	acc := zmms(rows * v)
	add, err := Param("add").Resolve()
	if err != nil {
		panic(err)
	}
	CMPB(add.Addr, Imm(0))
	JE(LabelRef(name + "zero"))
	c := GP64()
	MOVQ(t.c, c)
	for i := range rows {
		for j := range v {
			load(c, j, acc[i*v+j])
		}
		ADDQ(t.ldc, c)
	}
	JMP(LabelRef(name + "sum"))
	Label(name + "zero")
	for _, z := range acc {
		VXORPS(z, z, z)
	}
	Label(name + "sum")
	// Rows 0 to 3 of a from its first number, 4 to 7 from its fifth's.
	b, k, three := GP64(), Load(Param("k"), GP64()), GP64()
	LEAQ(Mem{Base: t.rowA, Index: t.rowA, Scale: 2}, three)
	bases := make([]reg.Register, max(1, rows/4))
	for i := range bases {
		bases[i] = GP64()
		if i == 0 {
			MOVQ(t.a, bases[0])
		} else {
			LEAQ(Mem{Base: t.a, Index: t.rowA, Scale: 4}, bases[i])
		}
	}
	number := func(i int) Mem {
		switch at := bases[i/4]; i % 4 {
		case 0:
			return Mem{Base: at}
		case 3:
			return Mem{Base: at, Index: three, Scale: 1}
		default:
			return Mem{Base: at, Index: t.rowA, Scale: uint8(i % 4)}
		}
	}
	MOVQ(t.b, b)
	Label(name + "k")
	bv := zmms(v)
	for j := range v {
		load(b, j, bv[j])
	}
	for i := range rows {
		if v == 1 {
			VFMADD231PS_BCST(number(i), bv[0], acc[i])
			continue
		}
		s := ZMM()
		VBROADCASTSS(number(i), s)
		for j := range v {
			VFMADD231PS(bv[j], s, acc[i*v+j])
		}
	}
	for _, a := range bases {
		ADDQ(t.colA, a)
	}
	ADDQ(t.ldb, b)
	DECQ(k)
	JNZ(LabelRef(name + "k"))
	for i := range rows {
		for j := range v {
			if at := (Mem{Base: t.c, Disp: 64 * j}); j < v-1 {
				VMOVUPS(acc[i*v+j], at)
			} else {
				VMOVUPS(acc[i*v+j], t.mask, at)
			}
		}
		ADDQ(t.ldc, t.c)
	}
	if rows == 1 {
		ADDQ(t.rowA, t.a)
	} else {
		LEAQ(Mem{Base: t.a, Index: t.rowA, Scale: uint8(rows)}, t.a)
	}
}

// A quad is four rows that begin ld bytes apart.
type quad struct{ base, ld, ld3 reg.Register }

func (q quad) row(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: q.base}
	case 3:
		return Mem{Base: q.base, Index: q.ld3, Scale: 1}
	}
	return Mem{Base: q.base, Index: q.ld, Scale: uint8(i)}
}

// load gathers the four numbers of group j of each of four coordinates.
func (q quad) load(j int) reg.VecVirtual {
	v := ZMM()
	VMOVUPS(q.row(0).Offset(16*j), v.AsX())
	for i := 1; i < 4; i++ {
		VINSERTF32X4(Imm(uint64(i)), q.row(i).Offset(16*j), v, v)
	}
	return v
}

func (q quad) store(j int, v reg.VecVirtual) {
	VMOVUPS(v.AsX(), q.row(0).Offset(16*j))
	for i := 1; i < 4; i++ {
		VEXTRACTF32X4(Imm(uint64(i)), v, q.row(i).Offset(16*j))
	}
}

// past moves the base from width bytes into its row to the beginning of the row after the next three.
func (q quad) past(width reg.Register) {
	LEAQ(Mem{Base: q.base, Index: q.ld, Scale: 4}, q.base)
	SUBQ(width, q.base)
}

// transpose turns four vectors of four parts into four vectors of the first parts, the second parts, and so on.
func transpose(v [4]reg.VecVirtual) (w [4]reg.VecVirtual) {
	t := zmms(4)
	for i, imm := range []uint64{0x44, 0xee} {
		VSHUFF32X4(Imm(imm), v[1], v[0], t[2*i])
		VSHUFF32X4(Imm(imm), v[3], v[2], t[2*i+1])
	}
	for i := range 4 {
		w[i] = ZMM()
		VSHUFF32X4(Imm([]uint64{0x88, 0xdd}[i%2]), t[i/2*2+1], t[i/2*2], w[i])
	}
	return w
}

// A walk512 is the loop over groups of four coordinates and, inside, groups of four units.
type walk512 struct {
	h, h3 reg.Register
	gates reg.Register
	act   reg.Register
	quads Mem
	leave func()
}

func newWalk512(gates string) walk512 {
	frame := AllocLocal(16)
	w := walk512{quads: frame.Offset(8), leave: flushDenormals(frame)}
	n := Load(Param("n"), GP64())
	SHRQ(U8(2), n)
	MOVQ(n, w.quads)
	w.h, w.h3 = w.stride("h")
	w.gates, w.act = Load(Param(gates).Base(), GP64()), Load(Param("act").Base(), GP64())
	return w
}

// stride loads a distance between rows, in bytes, and three times as much.
func (w walk512) stride(name string) (ld, ld3 reg.Register) {
	ld, ld3 = Load(Param(name), GP64()), GP64()
	bytes(ld)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	return ld, ld3
}

func (w walk512) cells(name string) quad { return quad{Load(Param(name).Base(), GP64()), w.h, w.h3} }

func (w walk512) rows(name, ld string) quad {
	q := quad{base: Load(Param(name).Base(), GP64())}
	q.ld, q.ld3 = w.stride(ld)
	return q
}

// gateRow returns where the gates of group j's i-th coordinate lie: a row of gates is four rows of units.
func (w walk512) gateRow(j, i int) Mem {
	switch i {
	case 0:
		return Mem{Base: w.gates, Disp: 64 * j}
	case 3:
		return Mem{Base: w.gates, Index: w.h3, Scale: 4, Disp: 64 * j}
	}
	return Mem{Base: w.gates, Index: w.h, Scale: uint8(4 * i), Disp: 64 * j}
}

// saved returns where the k-th number that is kept of each of group j is.
func (w walk512) saved(j, k int) Mem { return Mem{Base: w.act, Disp: 320*j + 64*k} }

// loop runs its passes one after the other over each row of groups. A pass moves act and its quads along the row, and at the
// end its quads past it.
func (w walk512) loop(passes ...pass512) {
	Label("quads")
	for i, p := range passes {
		if i > 0 { // back to the first group
			row := GP64()
			LEAQ(Mem{Base: w.h, Index: w.h, Scale: 4}, row)
			SHLQ(U8(2), row)
			SUBQ(row, w.act)
		}
		w.pass("pass"+string(rune('0'+i)), p)
	}
	LEAQ(Mem{Base: w.gates, Index: w.h3, Scale: 4}, w.gates) // one row is done; three more
	DECQ(w.quads)
	JNZ(LabelRef("quads"))
	w.leave()
	VZEROUPPER()
	RET()
}

// A pass512 is what to do with groups: so many at a time while there are as many, then one by one.
type pass512 struct {
	gates  bool // it moves along the gates, too
	quads  []quad
	groups int
	body   func(groups int)
}

func (w walk512) pass(label string, p pass512) {
	left := GP64()
	MOVQ(w.h, left)
	for _, groups := range []int{p.groups, 1} {
		loop := label + "by" + string(rune('0'+groups))
		Label(loop)
		CMPQ(left, Imm(uint64(16*groups)))
		JLT(LabelRef(loop + "past"))
		p.body(groups)
		if p.gates {
			ADDQ(U32(64*groups), w.gates)
		}
		ADDQ(U32(320*groups), w.act)
		for _, q := range p.quads {
			ADDQ(Imm(uint64(16*groups)), q.base)
		}
		SUBQ(Imm(uint64(16*groups)), left)
		JMP(LabelRef(loop))
		Label(loop + "past")
		if groups == 1 {
			break
		}
	}
	for _, q := range p.quads {
		q.past(w.h)
	}
}

func cellForward512() {
	TEXT("cellForwardAVX512", NOSPLIT, "func(gates, cPrev, cNext, act, h1, h2 []float32, n, h, ld1, ld2 int)")
	Pragma("noescape")
	Doc("cellForwardAVX512 computes one LSTM cell for n coordinates and h units, see cellForwardGeneric. It takes four",
		"coordinates and four units at a time; act holds σ(i), σ(f), tanh(g), σ(o), tanh(c) of these sixteen, again and again.")
	w := newWalk512("gates")
	cPrev, cNext, h1, h2 := w.cells("cPrev"), w.cells("cNext"), w.rows("h1", "ld1"), w.rows("h2", "ld2")
	// In two passes: one group's instructions up to the cell state, and from there to the hidden state, are two long chains.
	// Both chains of as many groups as it would take to keep the processor busy do not fit its reorder buffer. Each pass takes
	// several groups at a time, whose chains take turns.
	state := func(groups int) {
		var chains []chain
		var acts [][4]reg.VecVirtual
		for j := range groups {
			var rows [4]reg.VecVirtual
			for i := range rows {
				rows[i] = sixteen.load(w.gateRow(j, i))
			}
			gates := transpose(rows)
			var four [4]chain
			acts = append(acts, [4]reg.VecVirtual{
				sixteen.sigmoid(&four[0], gates[0]), sixteen.sigmoid(&four[1], gates[1]),
				sixteen.tanh(&four[2], gates[2]), sixteen.sigmoid(&four[3], gates[3]),
			})
			chains = append(chains, four[:]...)
		}
		emit(chains...)
		for j, a := range acts {
			for k, v := range a {
				VMOVUPS(v, w.saved(j, k))
			}
			i, f, g := a[0], a[1], a[2]
			VMULPS(i, g, g)
			c := cPrev.load(j)
			VFMADD213PS(g, f, c)
			cNext.store(j, c)
			VMOVUPS(c, w.saved(j, 4))
		}
	}
	hidden := func(groups int) {
		chains, tanh := make([]chain, groups), make([]reg.VecVirtual, groups)
		for j := range groups {
			tanh[j] = sixteen.tanh(&chains[j], sixteen.load(w.saved(j, 4)))
		}
		emit(chains...)
		for j, t := range tanh {
			VMOVUPS(t, w.saved(j, 4))
			VMULPS(w.saved(j, 3), t, t)
			h1.store(j, t)
			h2.store(j, t)
		}
	}
	w.loop(
		pass512{gates: true, quads: []quad{cPrev, cNext}, groups: 2, body: state},
		pass512{quads: []quad{h1, h2}, groups: 5, body: hidden},
	)
}

func cellBackward512() {
	TEXT("cellBackwardAVX512", NOSPLIT, "func(dGates, dc, cPrev, act, dh1, dh2 []float32, n, h, ld1, ld2 int)")
	Pragma("noescape")
	Doc("cellBackwardAVX512 carries the cotangents of an LSTM cell back, see cellBackwardGeneric. It reads act as",
		"cellForwardAVX512 left it.")
	w := newWalk512("dGates")
	dc, cPrev, dh1, dh2 := w.cells("dc"), w.cells("cPrev"), w.rows("dh1", "ld1"), w.rows("dh2", "ld2")
	w.loop(pass512{gates: true, quads: []quad{dc, cPrev, dh1, dh2}, groups: 1, body: func(int) {
		saved := func(k int) reg.VecVirtual { return sixteen.load(w.saved(0, k)) }
		one := ones()
		slope := func(d, a reg.VecVirtual) { // times a(1−a)
			rest := ZMM()
			VSUBPS(a, one, rest)
			VMULPS(a, d, d)
			VMULPS(rest, d, d)
		}
		dh := dh1.load(0)
		VADDPS(dh2.load(0), dh, dh)
		o, t := saved(3), saved(4)
		d, rest := dc.load(0), ones()
		VFNMADD231PS(t, t, rest) // 1 − tanh(c)²
		VMULPS(o, rest, rest)
		VFMADD231PS(dh, rest, d) // of the cell state
		VMULPS(t, dh, dh)
		slope(dh, o) // of the output gate
		i, g := saved(0), saved(2)
		di, dg := ZMM(), ones()
		VMULPS(g, d, di)
		slope(di, i)
		VFNMADD231PS(g, g, dg) // 1 − tanh(g)²
		VMULPS(i, dg, dg)
		VMULPS(d, dg, dg)
		f := saved(1)
		df := cPrev.load(0)
		VMULPS(d, df, df)
		slope(df, f)
		VMULPS(f, d, d)
		dc.store(0, d)
		for i, row := range transpose([4]reg.VecVirtual{di, df, dg, dh}) {
			VMOVUPS(row, w.gateRow(0, i))
		}
	}})
}
