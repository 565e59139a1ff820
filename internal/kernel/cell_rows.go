package kernel

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// LSTM cells whose gates lie one kind after the other: a row of z is n input gates, n forget gates, n output gates, n cell gates. All
// else has n numbers a row, as many rows.

// CellRows takes a step of LSTM cells:
//
//	i, f, o, g = σ, σ, σ, tanh of z;  c = f·before + i·g;  h = o·tanh(c)
//
// It overwrites z with i, f, o and g, and c, tanhC and h. c may be before.
func CellRows[F params.Float](z, before, c, tanhC, h []F, n int) {
	rows := cellRows(n, len(z), len(before), len(c), len(tanhC), len(h))
	if z, ok := any(z).([]float32); ok && level > plain && rows > 0 {
		before, c, h := any(before).([]float32), any(c).([]float32), any(h).([]float32)
		cellRowsAVX2(z, before, c, any(tanhC).([]float32), h, rows, n)
		return
	}
	for row := range rows {
		gates, at := z[4*n*row:4*n*(row+1)], n*row
		Sigmoid(gates[:3*n], gates[:3*n])
		Tanh(gates[3*n:], gates[3*n:])
		for k, in := range gates[:n] {
			forget, out, g := gates[n+k], gates[2*n+k], gates[3*n+k]
			c[at+k] = forget*before[at+k] + in*g
			tanhC[at+k] = tanh(c[at+k])
			h[at+k] = out * tanhC[at+k]
		}
	}
}

// PullCellRows is the way back of CellRows, whose z, before and tanhC it is given, with the cotangents dh of h and dc of c, beside what
// c has by h. It overwrites z with its cotangent, and dc with that of before.
func PullCellRows[F params.Float](z, before, tanhC, dh, dc []F, n int) {
	rows := cellRows(n, len(z), len(before), len(tanhC), len(dh), len(dc))
	if z, ok := any(z).([]float32); ok && level > plain && rows > 0 {
		before, dh, dc := any(before).([]float32), any(dh).([]float32), any(dc).([]float32)
		pullCellRowsAVX2(z, before, any(tanhC).([]float32), dh, dc, rows, n)
		return
	}
	for row := range rows {
		gates, at := z[4*n*row:4*n*(row+1)], n*row
		in, forget, out, g := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:]
		for k := range n {
			i, f, o, gk, t := in[k], forget[k], out[k], g[k], tanhC[at+k]
			d := dc[at+k] + dh[at+k]*o*(1-t*t)
			in[k] = d * gk * i * (1 - i)
			forget[k] = d * before[at+k] * f * (1 - f)
			out[k] = dh[at+k] * t * o * (1 - o)
			g[k] = d * i * (1 - gk*gk)
			dc[at+k] = d * f
		}
	}
}

// cellRows returns the number of rows, when all lengths fit.
func cellRows(n, z int, others ...int) int {
	for _, l := range others {
		if n < 1 || z%(4*n) != 0 || 4*l != z {
			panic(fmt.Sprintf("kernel: %d gates of cells in rows of %d, and %d of what goes with them", z, n, l))
		}
	}
	return z / (4 * n)
}
