package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A grid makes the terms of coordinates from those of their rows and columns on the way, without planes. There is a whole number of
// registers in a row, and the columns' terms lie as far apart as planes do.
type grid struct {
	wide
	kinds       []int // of terms that are wanted
	row         Mem   // this row's terms, and a gap
	across, col reg.Register
}

// newGrid wants the terms from the first kind on.
func (w wide) newGrid(first int) *grid {
	return &grid{wide: w, kinds: w.kinds(first), row: AllocLocal(48), across: base("across"), col: GP64()}
}

// term is that of a kind of the coordinates so many bytes from col.
func (g *grid) term(k, ahead int) reg.VecVirtual {
	x := g.load(indexed(g.across, g.col, k*planeStride+ahead))
	if k < mostUnits {
		g.with(plus, g.row.Offset(4*k), x, x)
	} else {
		g.with(times, g.row.Offset(4*k), x, x)
	}
	return x
}

// loop runs a body over all rows, a register's coordinates at a time, and moves at along. Where there are two at least it runs pair, if
// there is one. What is needed once a row stays in memory.
func (g *grid) loop(at reg.Register, body, pair func()) {
	step := func(n int) {
		ADDQ(Imm(uint64(4*n)), at)
		ADDQ(Imm(uint64(4*n)), g.col)
	}
	XORQ(at, at)
	Label("rows")
	g.nextRow()
	XORQ(g.col, g.col)
	Label("cols")
	if pair != nil {
		g.compare(2 * g.n)
		JG(LabelRef("single"))
		pair()
		step(2 * g.n)
		JMP(LabelRef("next"))
		Label("single")
	}
	body()
	step(g.n)
	Label("next")
	g.compare(1)
	JLE(LabelRef("cols"))
	DECQ(parameter("rows"))
	JNZ(LabelRef("rows"))
}

// compare compares the column so many on with the number of columns.
func (g *grid) compare(n int) {
	end := GP64()
	LEAQ(Mem{Base: g.col, Disp: 4 * n}, end)
	SHRQ(U8(2), end)
	CMPQ(end, parameter("cols"))
}

// nextRow copies the terms of a row, and steps on to the next.
func (g *grid) nextRow() {
	from, ld, x := base("down"), Load(Param("ldDown"), GP64()), GP32()
	bytes(ld)
	next := 0
	for _, k := range g.kinds {
		if k > next {
			skip := GP64()
			IMUL3Q(Imm(uint64(k-next)), ld, skip)
			ADDQ(skip, from)
		}
		MOVL(Mem{Base: from}, x)
		MOVL(x, g.row.Offset(4*k))
		ADDQ(ld, from)
		next = k + 1
	}
	down, err := Param("down").Base().Resolve()
	if err != nil {
		panic(err)
	}
	ADDQ(Imm(4), down.Addr)
}

// parameter is where one lies.
func parameter(name string) Mem {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}
