package kernel

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// Gemm computes C = A·B, or C += A·B if add, for A [n, k], B [k, m] and C [n, m] without gaps; where transA or transB is
// set, what lies there is the transpose, [k, n] or [m, k]. It reports whether it did: it does not, and touches nothing,
// where there is no assembly for it.
//
// Every element is the sum of its products in their order, with one rounding for each, whatever the sizes.
func Gemm[F params.Float](c, a, b []F, n, k, m int, transA, transB, add bool) bool {
	return GemmRows(c, a, b, n, k, m, 0, n, transA, transB, add)
}

// GemmRows is Gemm for the rows of C from the first to before the last; it leaves the others alone.
func GemmRows[F params.Float](c, a, b []F, n, k, m, first, last int, transA, transB, add bool) bool {
	single, ok := any(c).([]float32)
	if !ok || level == plain {
		return false
	}
	if n < 1 || k < 1 || m < 1 || len(a) < n*k || len(b) < k*m || len(c) < n*m {
		panic(fmt.Sprintf("kernel: product [%d %d]·[%d %d] of %d and %d elements into %d",
			n, k, k, m, len(a), len(b), len(c)))
	}
	if first < 0 || last > n {
		panic(fmt.Sprintf("kernel: rows %d to %d of %d", first, last, n))
	}
	if first >= last {
		return true
	}
	p := product{
		c: single[first*m:], a: any(a).([]float32), b: any(b).([]float32), n: last - first, k: k, m: m,
		rowA: k, colA: 1, ldb: m, ldc: m, transB: transB, add: add,
	}
	if transA {
		p.rowA, p.colA = 1, n
	}
	if transB {
		p.ldb = k
	}
	p.a = p.a[first*p.rowA:]
	p.run()
	return true
}

// GemmApart is Gemm for matrices whose rows, as they lie there, begin ldc, lda and ldb elements apart.
func GemmApart[F params.Float](c, a, b []F, ldc, lda, ldb, n, k, m int, transA, transB, add bool) bool {
	single, ok := any(c).([]float32)
	if !ok || level == plain {
		return false
	}
	GemmStrided(apart(single, ldc, false), apart(any(a).([]float32), lda, transA), apart(any(b).([]float32), ldb, transB), n, k, m, add)
	return true
}

func apart(data []float32, ld int, trans bool) Strided {
	if trans {
		return Strided{Data: data, Row: 1, Col: ld}
	}
	return Strided{Data: data, Row: ld, Col: 1}
}

// A Strided is a matrix whose element in row i and column j is Data[i·Row + j·Col]: a part of a larger one, a transpose, or,
// with a stride of zero, one row or column again and again.
type Strided struct {
	Data     []float32
	Row, Col int
}

// GemmStrided computes C = A·B, or C += A·B if add, for A [n, k], B [k, m] and C [n, m]. C and one of B and its transpose
// have rows without gaps: c.Col is 1, and b.Col or b.Row.
func GemmStrided(c, a, b Strided, n, k, m int, add bool) {
	p := product{
		c: c.Data, a: a.Data, b: b.Data, n: n, k: k, m: m,
		rowA: a.Row, colA: a.Col, ldb: b.Row, ldc: c.Row, transB: b.Col != 1, add: add,
	}
	if p.transB {
		p.ldb = b.Col
	}
	if n < 1 || k < 1 || m < 1 || c.Col != 1 || b.Col != 1 && b.Row != 1 || !c.holds(n, m) || !a.holds(n, k) || !b.holds(k, m) {
		panic(fmt.Sprintf("kernel: product [%d %d]·[%d %d] of %v and %v into %v", n, k, k, m, a, b, c))
	}
	p.run()
}

func (s Strided) holds(rows, cols int) bool {
	return s.Row >= 0 && s.Col >= 0 && len(s.Data) > (rows-1)*s.Row+(cols-1)*s.Col
}

func (s Strided) String() string {
	return fmt.Sprintf("%d elements by %d and %d", len(s.Data), s.Row, s.Col)
}

// panel returns the numbers in a vector of the assembly, and how many vectors of columns it takes at most at a time.
func panel() (lanes, most int) {
	if level == avx512 {
		return 16, 5
	}
	return 8, 3
}

// A product is what is asked of the assembly, which knows no transpose of B.
type product struct {
	c, a, b              []float32
	n, k, m              int
	rowA, colA, ldb, ldc int // rows of B, or of its transpose, lie ldb apart
	transB, add          bool
}

func (p product) run() {
	switch lanes, most := panel(); {
	case !p.transB && p.m <= lanes*most:
		gemm(p.c, p.a, p.b, p.n, p.k, p.m, p.ldc, p.rowA, p.colA, p.ldb, p.add)
	case !p.transB && p.n <= fewRows && p.ldb%crowded != 0:
		p.direct(lanes * most)
	default:
		p.pack(lanes, most)
	}
}

// With up to fewRows rows of A it takes longer to copy B than it gains, unless its rows lie a multiple of crowded numbers apart.
const fewRows, crowded = 64, 128

// direct is packed without a copy: B is taken from where it is, in parts that fit the first-level cache.
func (p product) direct(width int) {
	for j := 0; j < p.m; j += width {
		cols := min(width, p.m-j)
		for at := 0; at < p.k; at += packDepth {
			rows := min(packDepth, p.k-at)
			gemm(p.c[j:], p.a[at*p.colA:], p.b[at*p.ldb+j:], p.n, rows, cols, p.ldc, p.rowA, p.colA, p.ldb, p.add || at > 0)
		}
	}
}

// packDepth rows of B are copied at a time.
const packDepth = 96

// pack chooses the block that B is copied to part by part: one without gaps that fits the first-level cache, and a small one for
// what is small, since clearing the other would take longer than the product.
func (p product) pack(lanes, most int) {
	vectors := (p.m + lanes - 1) / lanes
	panels := (vectors + most - 1) / most
	width := (vectors + panels - 1) / panels * lanes // all panels but the last alike
	const few = 512
	if p.k <= packDepth && p.k*width <= few {
		var block [few]float32
		p.packed(block[:], width)
		return
	}
	var block [packDepth * 80]float32
	p.packed(block[:], width)
}

// packed copies B part by part into the block, transposing it where its transpose is given, and multiplies all rows of A by that.
// Rows of B a power of two apart would push each other out of the cache.
func (p product) packed(block []float32, width int) {
	for j := 0; j < p.m; j += width {
		cols := min(width, p.m-j)
		for at := 0; at < p.k; at += packDepth {
			rows := min(packDepth, p.k-at)
			if p.transB {
				Transpose(block, p.b[j*p.ldb+at:], rows, cols, width, p.ldb)
			} else {
				for row := range rows {
					copy(block[row*width:row*width+cols], p.b[(at+row)*p.ldb+j:])
				}
			}
			gemm(p.c[j:], p.a[at*p.colA:], block, p.n, rows, cols, p.ldc, p.rowA, p.colA, width, p.add || at > 0)
		}
	}
}

// Transpose sets to, whose rows lie ldTo apart, to the transpose of cols rows of from, each of the given number of elements, that lie
// ldFrom apart.
func Transpose[F params.Float](to, from []F, rows, cols, ldTo, ldFrom int) {
	col := 0
	for ; col+4 <= cols; col += 4 { // four at a time: a quarter of the cache lines written at once
		a, b, c, d := from[col*ldFrom:][:rows], from[(col+1)*ldFrom:][:rows], from[(col+2)*ldFrom:][:rows], from[(col+3)*ldFrom:][:rows]
		for row := range rows {
			to := to[row*ldTo+col:][:4]
			to[0], to[1], to[2], to[3] = a[row], b[row], c[row], d[row]
		}
	}
	for ; col < cols; col++ {
		for row, v := range from[col*ldFrom:][:rows] {
			to[row*ldTo+col] = v
		}
	}
}
