package search

import "math"

// eigen decomposes the symmetric n×n matrix a, row-major, into B·diag(d)·Bᵀ: d the eigenvalues, the columns of b the
// eigenvectors. It overwrites a.
//
// It is Jacobi's method by cyclic sweeps (Golub and Van Loan, "Matrix Computations", the chapter on symmetric eigenvalues), which
// takes a few times n³ operations a sweep and under ten sweeps. gonum has a faster one, whose sums are taken in an order that
// depends on where in memory they lie: a search that is resumed would part from one that was not.
func eigen(a, b, d []float64) {
	n := len(d)
	clear(b)
	size := 0.0
	for i := range n {
		b[i*n+i] = 1
		for j := range n {
			size += a[i*n+j] * a[i*n+j]
		}
	}
	const sweeps = 60 // more than it ever takes
	for range sweeps {
		off := 0.0
		for p := range n {
			for q := p + 1; q < n; q++ {
				off += a[p*n+q] * a[p*n+q]
			}
		}
		if off <= 1e-32*size {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				rotate(a, b, n, p, q)
			}
		}
	}
	for i := range d {
		d[i] = a[i*n+i]
	}
}

// rotate turns the plane of p and q so that a's element there vanishes.
func rotate(a, b []float64, n, p, q int) {
	if a[p*n+q] == 0 {
		return
	}
	theta := (a[q*n+q] - a[p*n+p]) / (2 * a[p*n+q])
	t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	if theta < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	for k := range n {
		x, y := a[k*n+p], a[k*n+q]
		a[k*n+p], a[k*n+q] = c*x-s*y, s*x+c*y
	}
	for k := range n {
		x, y := a[p*n+k], a[q*n+k]
		a[p*n+k], a[q*n+k] = c*x-s*y, s*x+c*y
	}
	a[p*n+q], a[q*n+p] = 0, 0
	for k := range n {
		x, y := b[k*n+p], b[k*n+q]
		b[k*n+p], b[k*n+q] = c*x-s*y, s*x+c*y
	}
}
