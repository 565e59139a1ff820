package mlp

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// A back is what the way back needs beside what a step does.
type back struct {
	d             rule.Cotangents[float32]
	out, next     []float32 // the perceptrons' outputs, then their cotangents; the next state
	dGrad, dTheta []float32 // as wanted, or lent
	lentG, lentT  []float32
	dPhi          []float64
}

// A tensorBack is a tensor's share.
type tensorBack struct {
	dSquares [kernel.Streamed]float64 // cotangents of the means of squares
	e        [kernel.Streamed]float32 // the same as factors of the features
	dPhi     []float64
	ofStep   float32 // what makes an output's cotangent of the step's and the output
	ofOut    float32
}

// A tileBack is a tile's share: sums, and the cotangents of its rows' and columns' terms, with the factors among these terms.
type tileBack struct {
	stepOut, stepTheta float64 // the step's cotangent times outputs, times weights
	dWeights           []float64
	down, across       []float32
	dDown, dAcross     []float32
	ldDown, ldAcross   int
}

// scratchBack is what a worker needs.
type scratchBack struct {
	planes       []float32
	sums         []float32
	dNext, state kernel.Averages
}

// makeBack makes room, once.
func (f *fused) makeBack() {
	if f.back != nil {
		return
	}
	last := f.tensors[len(f.tensors)-1]
	n, phi := last.at+last.len(), f.rest+f.rule.Spec().Phi.Len()-f.rule.net().Phi().Len()
	vector := func() []float32 { return make([]float32, n) }
	f.back = &back{out: vector(), lentG: vector(), lentT: vector()}
	f.back.next, f.back.dPhi = make([]float32, f.state.Flat.Len()), make([]float64, phi)
	for _, t := range f.tensors {
		t.back = &tensorBack{dPhi: make([]float64, phi)}
		for i := range t.tiles {
			t.tiles[i].makeBack()
		}
		if !t.vector() {
			t.down.makeBack()
			t.across.makeBack()
		}
	}
	for _, list := range f.workers {
		for _, s := range list {
			s.back = &scratchBack{
				planes: make([]float32, kernel.Planes), sums: make([]float32, f.net.units.BackSums()*kernel.Lanes),
			}
		}
	}
}

func (t *tile) makeBack() {
	t.back = &tileBack{dWeights: make([]float64, t.tensor.units.BackSums())}
	if t.tensor.vector() {
		return
	}
	b := t.back
	b.ldDown, b.ldAcross = stride(t.toRow-t.fromRow), stride(t.toCol-t.fromCol)
	side := func(ld int) []float32 { return make([]float32, kernel.Terms*ld) }
	b.down, b.across, b.dDown, b.dAcross = side(b.ldDown), side(b.ldAcross), side(b.ldDown), side(b.ldAcross)
}

// Pullback implements rule.PullbackKernel.
func (f *fused) Pullback(d rule.Cotangents[float32], p rule.Point[float32]) error {
	f.makeBack()
	b := f.back
	p.Phi = f.filling.take(p.Phi)
	f.net.read(p.Phi)
	f.running.d, f.running.next, f.running.p, f.running.moved = b.out, b.next, p, nil
	b.d, b.dGrad, b.dTheta = d, d.Grad, d.Theta
	if d.Grad == nil {
		b.dGrad = b.lentG
	}
	if d.Theta == nil {
		b.dTheta = b.lentT
	}
	if err := f.phases(backward); err != nil {
		return err
	}
	clear(b.dPhi)
	for _, t := range f.tensors {
		for i, x := range t.back.dPhi {
			b.dPhi[i] += x
		}
	}
	f.filling.addTo(d.Phi, b.dPhi)
	return nil
}

// dots takes what the cotangent of a tensor's rate and size are made of.
func (f *fused) dots(t *tile, _ *scratch) {
	b := t.back
	b.stepOut, b.stepTheta = 0, 0
	for x := t.first(); x.len() > 0; x = t.after(x) {
		u := x.of(f.back.d.Step)
		b.stepOut += dot(u, x.of(f.running.d))
		b.stepTheta += dot(u, x.of(f.running.p.Theta))
	}
}

// dot adds up in four parts.
func dot(x, y []float32) float64 {
	var s [4]float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s[0] += float64(x[i]) * float64(y[i])
		s[1] += float64(x[i+1]) * float64(y[i+1])
		s[2] += float64(x[i+2]) * float64(y[i+2])
		s[3] += float64(x[i+3]) * float64(y[i+3])
	}
	for ; i < len(x); i++ {
		s[0] += float64(x[i]) * float64(y[i])
	}
	return s[0] + s[1] + s[2] + s[3]
}

// rateBack goes back through the rate, and through the size of the outputs.
func (f *fused) rateBack(t *tensor) {
	f.rate(t)
	out, theta := 0.0, 0.0
	for i := range t.tiles {
		out, theta = out+t.tiles[i].back.stepOut, theta+t.tiles[i].back.stepTheta
	}
	b := t.back
	b.ofStep, b.ofOut = t.ofDirection, float32(t.rated*t.inverse*t.inverse*t.inverse*out/float64(t.len()))
	clear(b.dPhi)
	clear(b.dSquares[:])
	dRate, dDecay := -(out*t.inverse + t.decayed*theta), -t.rated*theta
	f.rule.steerBack(&t.measured, f.running.p.Phi[f.rest:], &f.running.p, dRate, dDecay, b.dPhi[f.rest:], &b.dSquares)
}

// blockBack is what a block's way back is computed from, when its planes have been laid out.
func (f *fused) blockBack(x block, s *scratch) kernel.BackBlock {
	f.planes(x, s)
	f.averages(&s.next, f.running.next, x)
	return kernel.BackBlock{
		Units: f.net.units, Averages: s.next, Grad: x.of(f.running.p.Grad), Theta: x.of(f.running.p.Theta), DOut: x.of(f.back.out),
		Planes: s.planes, Weights: x.tensor.weights,
	}
}

// local is a block's grid in the laying out of a tile's cotangents.
func (t *tile) local(x block) (g kernel.Grid, dDown, dAcross []float32) {
	b, row, col := t.back, x.row-t.fromRow, x.col-t.fromCol
	g = kernel.Grid{
		Units: t.tensor.units, Down: b.down[row:], Across: b.across[col:], LdDown: b.ldDown, LdAcross: b.ldAcross,
		Rows: x.rows, Cols: x.cols,
	}
	return g, b.dDown[row:], b.dAcross[col:]
}

// perceptronsBack goes back through a tile's perceptrons, for all but its features.
func (f *fused) perceptronsBack(t *tile, s *scratch) {
	clear(s.back.sums)
	clear(t.back.dDown)
	clear(t.back.dAcross)
	for x := t.first(); x.len() > 0; x = t.after(x) {
		out := x.of(f.back.out)
		kernel.Combine(out, x.of(f.back.d.Step), out, t.tensor.back.ofStep, t.tensor.back.ofOut)
		b := f.blockBack(x, s)
		kernel.PerceptronBack(&b, s.back.planes, s.back.sums)
		if !t.tensor.vector() {
			g, dDown, dAcross := t.local(x)
			g.FoldTerms(s.back.planes, dDown, dAcross)
		}
	}
	for k := range t.back.dWeights {
		t.back.dWeights[k] = total(s.back.sums[k*kernel.Lanes:])
	}
}

// weighBack gives the perceptron's weights their cotangents, and the means of squares.
func (f *fused) weighBack(t *tensor) {
	var sums [kernel.MostBackSums]float64
	net, u := &f.net, int(f.net.units)
	d := sums[:net.units.BackSums()]
	for i := range t.tiles {
		for k, x := range t.tiles[i].back.dWeights {
			d[k] += x
		}
	}
	b := t.back
	for k := range kernel.Streamed {
		scale, feature := inverseRoot(t.squares[k]), streamedFeature(k)
		if k >= features.CeloRowsShort && t.vector() {
			b.e[k] = 0
			continue
		}
		b.dSquares[k] += scaleBack(b.dPhi[feature*u:], d[k*u:], net.first(feature), scale)
		b.e[k] = float32(2 / float64(t.len()) * b.dSquares[k])
	}
	rest := d[kernel.Streamed*u:]
	add(b.dPhi[net.atBias1():], rest[:u])
	rest = rest[u:]
	add(b.dPhi[net.atWeights1():], rest[:u*u])
	rest = rest[u*u:]
	for j, x := range rest[:u+1] {
		b.dPhi[net.atWeights2()+j*net.outputs] += x
	}
	add(b.dPhi[net.atBias0():], rest[u+1:])
}

// scaleBack goes back through weights w that were multiplied with scale, the inverse root of a mean of squares: it adds to the
// cotangent of w and returns that of the mean.
func scaleBack(dW, d []float64, w []float32, scale float64) float64 {
	dScale := 0.0
	for h, v := range w {
		dW[h] += d[h] * scale
		dScale += d[h] * float64(v)
	}
	return -dScale * scale * scale * scale / 2
}

func add(to, x []float64) {
	for i, v := range x {
		to[i] += v
	}
}

// momentsBack gives a tile's averages, gradients and weights their cotangents.
func (f *fused) momentsBack(t *tile, s *scratch) {
	if !t.tensor.vector() {
		t.factors()
	}
	for x := t.first(); x.len() > 0; x = t.after(x) {
		b := f.blockBack(x, s)
		f.averages(&s.back.dNext, f.back.d.Next, x)
		f.averages(&s.back.state, f.back.d.State, x)
		dTheta := x.of(f.back.dTheta)
		kernel.MomentsBack(&b, t.tensor.back.e[:], &s.back.dNext, &s.back.state, x.of(f.back.dGrad), dTheta, s.back.planes)
		if t.tensor.ofTheta != 0 {
			kernel.Combine(dTheta, dTheta, x.of(f.back.d.Step), 1, t.tensor.ofTheta)
		}
		if t.tensor.vector() {
			f.vectorBack(x, s)
			continue
		}
		g, dDown, dAcross := t.local(x)
		g.FoldFactors(s.back.planes, dDown, dAcross)
	}
}

// factors copies a tile's factors from its tensor's terms.
func (t *tile) factors() {
	b, down, across := t.back, &t.tensor.down, &t.tensor.across
	for k := kernel.Factors; k < kernel.Terms; k++ {
		copy(b.down[k*b.ldDown:], down.terms[k*down.stride+t.fromRow:k*down.stride+t.toRow])
		copy(b.across[k*b.ldAcross:], across.terms[k*across.stride+t.fromCol:k*across.stride+t.toCol])
	}
}

// vectorBack goes back from the factors of a block of a vector.
func (f *fused) vectorBack(x block, s *scratch) {
	side, n := &x.tensor.across, x.len()
	dNext, dState := side.part(f.back.d.Next, x.col, n), side.part(f.back.d.State, x.col, n)
	grad, dGrad := x.of(f.running.p.Grad), x.of(f.back.dGrad)
	for i, g := range grad {
		d := float32(0) // of the square
		for k := range 3 {
			at := kernel.Plane(kernel.Factors+k, i)
			factor := s.planes[at]
			dNow := dNext[k][i] - s.back.planes[at]*factor*factor*factor/2
			dState[k][i] = float32(threeDecays[k]) * dNow
			d += float32(1-threeDecays[k]) * dNow
		}
		dGrad[i] = limitBack(g, dGrad[i], d)
	}
}

// limitBack is the cotangent of a gradient from that of what it is after it has been limited, and that of its square.
func limitBack(g, d, dSquare float32) float32 {
	if g > 1000 || g < -1000 {
		return 0
	}
	return d + 2*g*dSquare
}

// sidesBack goes back through a tensor's rows and columns.
func (f *fused) sidesBack(t *tensor) {
	if t.vector() {
		return
	}
	clear(t.down.dTerms)
	clear(t.across.dTerms)
	for i := range t.tiles {
		x := &t.tiles[i]
		t.down.addBack(x.back.dDown, x.back.ldDown, x.fromRow, x.toRow)
		t.across.addBack(x.back.dAcross, x.back.ldAcross, x.fromCol, x.toCol)
	}
	for _, s := range []*side{&t.down, &t.across} {
		s.back(&f.net, t.back.dPhi, f.back.d.Next, f.back.d.State)
	}
}

// squaresBack adds to the gradients' cotangents what came through rows and columns.
func (f *fused) squaresBack(t *tile, _ *scratch) {
	if t.tensor.vector() || f.back.d.Grad == nil {
		return
	}
	cols := t.tensor.cols
	across := t.tensor.across.dMean[t.fromCol:t.toCol]
	for i := t.fromRow; i < t.toRow; i++ {
		at := t.tensor.at + i*cols
		g, d, down := f.running.p.Grad[at+t.fromCol:at+t.toCol], f.back.dGrad[at+t.fromCol:at+t.toCol], t.tensor.down.dMean[i]
		for j, x := range across {
			d[j] = limitBack(g[j], d[j], down+x)
		}
	}
}
