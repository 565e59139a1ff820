package rnnprop

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/internal/recurrent"
)

// inputRow is how far apart the inputs of coordinates lie: g/root, m̂/root, 1 and a gap.
const inputRow = 4

// A front is what RNNprop has before its cells, averages and a layer of exponential-linear units, and the bound behind them.
type front struct {
	*model
	beta, rest, step float32
	m, v             []float32 // of a block, as they are now
	inputs           []float32 // [window, block, inputRow]
	tanh             []float32 // of read-outs, [window, block]

	units, dUnits []float32 // of a step, [block, Hidden]
	dInputs       []float32 // [block, 2]
	dOut          []float32
	grad          []float32 // of the layer's weights, [inputRow, Hidden]: four rows at a time are quicker than three
	dCount        float32
}

func newFront(m *model) *front {
	const n = recurrent.BlockLen
	h, beta := m.config.Hidden, float32(m.config.Beta)
	f := &front{
		model: m, beta: beta, rest: 1 - beta, step: float32(m.config.Step),
		m: make([]float32, n), v: make([]float32, n),
		units: make([]float32, n*h), dUnits: make([]float32, n*h), dInputs: make([]float32, 2*n), dOut: make([]float32, n),
		grad: make([]float32, inputRow*h),
	}
	return f
}

// Reserve implements recurrent.Front.
func (f *front) Reserve(window int) {
	f.inputs = make([]float32, window*recurrent.BlockLen*inputRow)
	f.tanh = make([]float32, window*recurrent.BlockLen)
	for i := range window * recurrent.BlockLen {
		f.inputs[i*inputRow+2] = 1 // multiplies the biases
	}
}

// Load implements recurrent.Front.
func (f *front) Load(own []float32, n int, b engine.Block) {
	copy(f.m, own[b.From:b.To])
	copy(f.v, own[n+b.From:n+b.To])
}

// Save implements recurrent.Front.
func (f *front) Save(own []float32, n int, b engine.Block) {
	copy(own[b.From:b.To], f.m)
	copy(own[n+b.From:n+b.To], f.v)
}

func (f *front) inputsAt(t int) []float32 { return f.inputs[t*recurrent.BlockLen*inputRow:] }

// In implements recurrent.Front.
func (f *front) In(cells *kernel.Block[float32], t int, grad []float32) {
	f.average(t, grad)
	h, n := f.config.Hidden, len(grad)
	units := f.units[:n*h]
	inputs := kernel.Strided{Data: f.inputsAt(t), Row: inputRow, Col: 1}
	kernel.GemmStrided(dense(units, h), inputs, dense(f.weights, h), n, 3, h, false)
	kernel.ELU(units, units)
	x, ld := cells.Inputs(t)
	kernel.CopyRows(x, units, n, h, ld, h)
}

// dense is a matrix whose rows lie end to end.
func dense(data []float32, columns int) kernel.Strided {
	return kernel.Strided{Data: data, Row: columns, Col: 1}
}

// average takes the averages on by a step, and writes what the units see.
func (f *front) average(t int, grad []float32) {
	inputs, inv := f.inputsAt(t), 1/f.unbias(t)
	beta, rest, ms, vs := f.beta, f.rest, f.m[:len(grad)], f.v[:len(grad)]
	for i, g := range grad {
		m := beta*ms[i] + rest*g
		v := beta*vs[i] + rest*(g*g)
		ms[i], vs[i] = m, v
		scale := 1 / (float32(math.Sqrt(float64(v*inv))) + eps)
		x := inputs[i*inputRow:][:inputRow]
		x[0], x[1] = g*scale, m*inv*scale
	}
}

// Out implements recurrent.Front.
func (f *front) Out(t int, out []float32) {
	tanh := f.tanh[t*recurrent.BlockLen:][:len(out)]
	kernel.Tanh(tanh, out)
	for i, a := range tanh {
		out[i] = -f.step * a
	}
}

// OutBack implements recurrent.Front.
func (f *front) OutBack(t int, dStep []float32) []float32 {
	tanh := f.tanh[t*recurrent.BlockLen:]
	for i, d := range dStep {
		f.dOut[i] = -f.step * d * (1 - tanh[i]*tanh[i])
	}
	return f.dOut[:len(dStep)]
}

// InBack implements recurrent.Front.
func (f *front) InBack(cells *kernel.Block[float32], t, n int) {
	h := f.config.Hidden
	units, dUnits := f.units[:n*h], f.dUnits[:n*h]
	x, ld := cells.Inputs(t)
	kernel.CopyRows(units, x, n, h, h, ld)
	x, ld = cells.DInputs()
	kernel.CopyRows(dUnits, x, n, h, h, ld)
	kernel.ELUBack(dUnits, dUnits, units)
	inputs := kernel.Strided{Data: f.inputsAt(t), Row: 1, Col: inputRow}
	kernel.GemmStrided(dense(f.grad, h), inputs, dense(dUnits, h), inputRow, n, h, true)
}

// StateBack implements recurrent.Front. Of a root that is zero the derivative counts as zero.
func (f *front) StateBack(_ *kernel.Block[float32], dOwn, dNext, dGrad, grad []float32, n int, b engine.Block) {
	h := f.config.Hidden
	kernel.GemmStrided(dense(f.dInputs, 2), dense(f.dUnits, h), dense(f.back, 2), len(grad), h, 2, false)
	unbias := f.unbias(0)
	inv := 1 / unbias
	beta, rest, ms, vs, dInputs := f.beta, f.rest, f.m[:len(grad)], f.v[:len(grad)], f.dInputs[:2*len(grad)]
	dNextM, dNextV := dNext[b.From:b.To], dNext[n+b.From:n+b.To]
	dM, dV := dOwn[b.From:b.To], dOwn[n+b.From:n+b.To]
	var dUnbias float32
	for i, g := range grad {
		dx, dy := dInputs[2*i], dInputs[2*i+1]
		m, v := ms[i]*inv, vs[i]*inv // as they are after the step
		root := float32(math.Sqrt(float64(v)))
		scale := 1 / (root + eps)
		dm := dy * scale
		var dv float32
		if root != 0 {
			dv = -(dx*g + dy*m) * scale * scale / (2 * root)
		}
		dUnbias -= (dm*m + dv*v) * inv
		dm = dm*inv + dNextM[i]
		dv = dv*inv + dNextV[i]
		dM[i], dV[i] = beta*dm, beta*dv
		if dGrad != nil {
			dGrad[i] = dx*scale + rest*(dm+2*g*dv)
		}
	}
	f.dCount += dUnbias * (unbias - 1) * float32(math.Log(f.config.Beta)) // of 1 − β^t
}

// Clear implements recurrent.Front.
func (f *front) Clear() {
	clear(f.grad)
	f.dCount = 0
}

// AddTo implements recurrent.Front.
func (f *front) AddTo(dPhi, dShared []float32, cells *kernel.Gradient[float32]) {
	for i, d := range f.grad[:len(f.weights)] {
		dPhi[i] += d
	}
	dPhi = dPhi[f.first():]
	for l := range f.config.Layers {
		cells.AddMatrix(l, dPhi, gates)
		dPhi = dPhi[f.layer():]
	}
	cells.AddReadOut(dPhi)
	dShared[0] += f.dCount
}
