package graph

import (
	"github.com/seed1498fded/unroll/internal/kernel"
)

// A loop runs elementwise operations over matrices of one size as one pass over memory: chunk by chunk, each operation over
// a whole chunk. What lies between them is in registers, which are pieces of memory of a chunk's size: few enough to stay in
// the first-level cache, long enough for the work on one to hide the cost of a call.
type loop struct {
	rows, cols   int
	height       int // rows at a time
	width        int // numbers of a row at a time; all, or those of long rows that make a chunk
	registers    int
	first, every []instruction // once a run, and for every chunk
}

const (
	line         = 16      // float32s in a cache line
	chunkMost    = 1 << 10 // numbers in a chunk, unless a row of up to wholeRow has more
	chunkLeast   = 1 << 7
	registerFile = 1 << 13 // numbers in all registers of a loop
	wholeRow     = 1 << 9  // rows up to this long are not cut up
)

// An instruction does one thing to a chunk.
type instruction struct {
	kind    kind
	f       *function
	y, a, b place
}

type kind uint8

const (
	computes kind = iota
	loads         // gathers what does not lie together
	stores        // scatters
)

// A place is where a chunk lies: in a register, or in memory, where row i and column j of all begin at i·row + j·col.
type place struct {
	register int // if mem is nil
	mem      []float32
	row, col int
}

func (p *place) at(i, j, n int) []float32 { return p.mem[i*p.row+j*p.col:][:n:n] }

func (p *place) strided(i, j int) kernel.Strided {
	return kernel.Strided{Data: p.mem[i*p.row+j*p.col:], Row: p.row, Col: p.col}
}

// place returns where a view's numbers lie in memory.
func (v view) place() place { return place{mem: v.of.mem[v.at:], row: v.row, col: v.col} }

func (l *loop) run() error {
	for k := range l.first {
		l.first[k].run(0, 0, min(l.height, l.rows), min(l.width, l.cols))
	}
	for i := 0; i < l.rows; i += l.height {
		for j := 0; j < l.cols; j += l.width {
			rows, cols := min(l.height, l.rows-i), min(l.width, l.cols-j)
			for k := range l.every {
				l.every[k].run(i, j, rows, cols)
			}
		}
	}
	return nil
}

func (x *instruction) run(i, j, rows, cols int) {
	n := rows * cols
	switch {
	case x.kind == loads:
		gather(x.y.at(i, j, n), x.a.strided(i, j), rows, cols)
	case x.kind == stores:
		scatter(x.y.strided(i, j), x.a.at(i, j, n), rows, cols)
	case x.f.two != nil:
		x.f.two(x.y.at(i, j, n), x.a.at(i, j, n), x.b.at(i, j, n))
	default:
		x.f.one(x.y.at(i, j, n), x.a.at(i, j, n))
	}
}

// gather sets dst, row-major, to the numbers of src.
func gather(dst []float32, src kernel.Strided, rows, cols int) {
	switch {
	case src.Row == 0 && src.Col == 0:
		fill(dst[:rows*cols], src.Data[0])
	case src.Col == 1:
		kernel.CopyRows(dst, src.Data, rows, cols, cols, src.Row)
	case src.Row == 1 && cols >= 4:
		flip(dst, src, rows, cols)
	default:
		for i := range rows {
			s := src.Data[i*src.Row:]
			d := dst[i*cols : (i+1)*cols]
			if src.Col == 0 {
				fill(d, s[0])
				continue
			}
			for j := range d {
				d[j] = s[j*src.Col]
			}
		}
	}
}

// fill sets all numbers to x, by copies that double in length.
func fill(dst []float32, x float32) {
	dst[0] = x
	for n := 1; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// flip is gather for a transpose: four columns at a time, each of which lies together in src.
func flip(dst []float32, src kernel.Strided, rows, cols int) {
	j := 0
	for ; j+4 <= cols; j += 4 {
		a, b := src.Data[j*src.Col:][:rows], src.Data[(j+1)*src.Col:][:rows]
		c, d := src.Data[(j+2)*src.Col:][:rows], src.Data[(j+3)*src.Col:][:rows]
		for i := range rows {
			to := dst[i*cols+j:][:4]
			to[0], to[1], to[2], to[3] = a[i], b[i], c[i], d[i]
		}
	}
	for ; j < cols; j++ {
		for i, x := range src.Data[j*src.Col:][:rows] {
			dst[i*cols+j] = x
		}
	}
}

// scatter sets the numbers of dst to those of src, row-major.
func scatter(dst kernel.Strided, src []float32, rows, cols int) {
	if dst.Col == 1 {
		kernel.CopyRows(dst.Data, src, rows, cols, dst.Row, cols)
		return
	}
	for i := range rows {
		for j, x := range src[i*cols : (i+1)*cols] {
			dst.Data[i*dst.Row+j*dst.Col] = x
		}
	}
}

// words returns how many numbers the registers hold.
func (l *loop) words() int { return l.registers * l.chunk() }

// chunk returns how far registers lie apart.
func (l *loop) chunk() int { return (l.height*l.width + line - 1) / line * line }

// bind gives the registers memory, which loops may share.
func (l *loop) bind(registers []float32) {
	for _, list := range [][]instruction{l.first, l.every} {
		for k := range list {
			x := &list[k]
			places := []*place{&x.y, &x.a}
			if x.kind == computes && x.f.two != nil {
				places = append(places, &x.b)
			}
			for _, p := range places {
				if p.mem == nil {
					p.mem = registers[p.register*l.chunk():][:l.chunk()]
				}
			}
		}
	}
}
