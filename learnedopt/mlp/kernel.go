package mlp

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// A steered is a rule whose step is a perceptron's direction d over the features of Celo2, in units of its size over the tensor,
// at some rate: −rate·(d/√(mean d² + 1e-9) + decay·θ).
type steered interface {
	rule.Rule
	net() features.Perceptron
	// steer returns rate and decay for a tensor whose features have been measured. Phi is what there is behind the perceptron's.
	steer(m *measured, phi []float32, p *rule.Point[float32]) (rate, decay float64)
	// steerBack adds to dPhi and dSquares what they have of the cotangents of rate and decay.
	steerBack(
		m *measured, phi []float32, p *rule.Point[float32], dRate, dDecay float64, dPhi []float64, dSquares *[kernel.Streamed]float64,
	)
}

// A measured is what a rate may go by.
type measured struct {
	shape   []int                     // as a matrix or vector
	net     features.OfNet            // what controllers see of all tensors
	squares *[kernel.Streamed]float64 // the means of the streamed features' squares
}

// A fused runs such a rule on kernels, tensor by tensor. What is one tile goes through all of a step at once, while it lies in
// the caches. The tiles of larger tensors are shared out, from one sum over the tensor to the next.
type fused struct {
	rule    steered
	net     net
	filling filling
	rest    int // where in phi, filled up, what follows the perceptron begins
	state   rule.StateLayout
	tensors []*tensor
	large   []*tensor // those of several tiles

	single  *engine.Schedule[*tensor, float32] // nil if there are none
	tiles   *engine.Schedule[*tile, float32]   // of the large; likewise
	workers [2][]*scratch
	lent    []float32 // directions, where they are not wanted

	// The arguments of the running step, and what each worker does with them: kept here, so that a step allocates nothing.
	running struct {
		d, next []float32
		moved   []float32 // the weights, if they are to be moved
		p       rule.Point[float32]
		phases  []phase
		tiles   func(*fused, *tile, *scratch)
	}
	wholeGroup, tilesGroup func(worker, group int) error

	back *back // nil until it is needed
}

// A phase is what is done with tiles, and then with the tensor that they are of.
type phase struct {
	tiles  func(*fused, *tile, *scratch)
	tensor func(*fused, *tensor) // or nil
}

var (
	forward = []phase{
		{(*fused).squares, (*fused).sides}, {(*fused).moments, (*fused).weigh}, {(*fused).perceptrons, (*fused).rate}, {(*fused).combined, nil},
	}
	backward = []phase{
		{(*fused).squares, (*fused).sides}, {(*fused).moments, (*fused).weigh}, {(*fused).perceptrons, nil},
		{(*fused).dots, (*fused).rateBack}, {(*fused).perceptronsBack, (*fused).weighBack}, {(*fused).momentsBack, (*fused).sidesBack},
		{(*fused).squaresBack, nil},
	}
)

var (
	_ rule.MoveKernel     = (*fused)(nil)
	_ rule.PullbackKernel = (*fused)(nil)
)

// fewCoordinates are too few for a second goroutine.
const fewCoordinates = 1 << 14

// newFused binds a rule to weights, or returns nil where there are no kernels for it: they are for up to eight units in a layer.
func newFused(r steered, b rule.Binding, workers int, matrix func([]int) sides) rule.Kernel {
	state, err := r.Spec().Layout(b)
	p := r.net()
	units := kernel.UnitsFor(p.Hidden)
	if err != nil || units == 0 {
		return nil
	}
	f := &fused{rule: r, net: net{units: units, outputs: p.Out}, state: state}
	f.filling = newFilling(p, units, r.Spec().Phi.Len()-p.Phi().Len())
	p.Hidden = int(units)
	f.rest = p.Phi().Len()
	net, at := features.Net(b.Theta), 0
	var single []*tensor
	var tiles []*tile
	for run := range b.Copies {
		for i, s := range b.Theta {
			shape := features.MatrixShape(s.Shape)
			t := newTensor(units, shape, at, state.Tensor[run][i], matrix)
			t.measured.net = net
			f.tensors = append(f.tensors, t)
			at += s.Len()
			if len(t.tiles) == 1 {
				single = append(single, t)
				continue
			}
			f.large = append(f.large, t)
			for j := range t.tiles {
				tiles = append(tiles, &t.tiles[j])
			}
		}
	}
	if at < fewCoordinates {
		workers = 1
	}
	f.wholeGroup, f.tilesGroup = f.wholeOfGroup, f.tilesOfGroup
	if len(single) > 0 {
		f.single = engine.NewSchedule[float32](single, 0, workers)
		f.workers[0] = newScratches(f.single.Workers())
	}
	if len(tiles) > 0 {
		f.tiles = engine.NewSchedule[float32](tiles, 0, workers)
		f.workers[1] = newScratches(f.tiles.Workers())
	}
	return f
}

// Step implements rule.Kernel.
func (f *fused) Step(step, next []float32, p rule.Point[float32]) error {
	f.running.moved = nil
	return f.run(step, next, p)
}

// Move implements rule.MoveKernel.
func (f *fused) Move(theta, next []float32, p rule.Point[float32]) error {
	if f.lent == nil {
		f.lent = make([]float32, len(theta))
	}
	f.running.moved = theta
	return f.run(f.lent, next, p)
}

func (f *fused) run(d, next []float32, p rule.Point[float32]) error {
	p.Phi = f.filling.take(p.Phi)
	f.net.read(p.Phi)
	f.running.d, f.running.next, f.running.p = d, next, p
	return f.phases(forward)
}

// phases goes through a step, or the way back.
func (f *fused) phases(list []phase) error {
	f.running.phases = list
	if f.single != nil {
		if err := f.single.Each(f.wholeGroup); err != nil {
			return err
		}
	}
	if f.tiles == nil {
		return nil
	}
	for _, phase := range list {
		f.running.tiles = phase.tiles
		if err := f.tiles.Each(f.tilesGroup); err != nil {
			return err
		}
		if phase.tensor == nil {
			continue
		}
		for _, t := range f.large {
			phase.tensor(f, t)
		}
	}
	return nil
}

func (f *fused) wholeOfGroup(w, g int) error {
	for _, t := range f.single.Groups[g] {
		for _, phase := range f.running.phases {
			phase.tiles(f, &t.tiles[0], f.workers[0][w])
			if phase.tensor != nil {
				phase.tensor(f, t)
			}
		}
	}
	return nil
}

func (f *fused) tilesOfGroup(w, g int) error {
	for _, t := range f.tiles.Groups[g] {
		f.running.tiles(f, t, f.workers[1][w])
	}
	return nil
}

// squares takes the sums of a tile's rows and columns.
func (f *fused) squares(t *tile, _ *scratch) {
	if t.tensor.vector() {
		return
	}
	clear(t.col)
	kernel.Squares(t.row, t.col, f.running.p.Grad[t.tensor.at+t.fromRow*t.tensor.cols+t.fromCol:], t.tensor.cols)
}

// sides takes the averages of a tensor's rows and columns, and makes their terms.
func (f *fused) sides(t *tensor) {
	if t.vector() {
		t.across.vectorWeights(&f.net)
		return
	}
	t.addTiles()
	for _, s := range []*side{&t.down, &t.across} {
		s.average(f.running.next, f.running.p.State)
		s.weigh(&f.net)
		f.net.units.SideTerms(s.terms, s.stride, &s.next, s.weights)
	}
	kernel.Wrap(t.across.terms, t.across.stride, t.cols)
}

// moments takes the averages of a tile's coordinates.
func (f *fused) moments(t *tile, s *scratch) {
	clear(t.sums[:])
	next, state := f.running.next, f.running.p.State
	if t.tensor.whole() {
		b := t.all()
		f.averages(&s.next, next, b)
		f.averages(&s.state, state, b)
		grid := b.grid()
		grid.Moments(&s.next, &s.state, b.of(f.running.p.Grad), b.of(f.running.p.Theta), t.sums[:])
		return
	}
	for b := t.first(); b.len() > 0; b = t.after(b) {
		switch {
		case t.tensor.vector():
			f.vectorAverages(b, s)
		case t.keepsPlanes():
			f.planes(b, s)
		default:
			grid := b.grid()
			grid.ExpandFactors(s.planes)
		}
		f.averages(&s.next, next, b)
		f.averages(&s.state, state, b)
		kernel.Moments(&s.next, &s.state, b.of(f.running.p.Grad), b.of(f.running.p.Theta), s.planes, t.sums[:])
	}
}

// vectorAverages takes the averages of squares of a block of a vector, and lays out its planes.
func (f *fused) vectorAverages(b block, s *scratch) {
	side, n := &b.tensor.across, b.len()
	squares := s.squares[:n]
	clear(squares)
	kernel.Squares(s.one[:], squares, b.of(f.running.p.Grad), n)
	from, to := side.part(f.running.p.State, b.col, n), side.part(f.running.next, b.col, n)
	kernel.SideAverages(&to, &from, squares, 1, s.sums[:])
	f.net.units.SidePlanes(s.planes, &to, side.weights)
}

// perceptrons writes a tile's directions.
func (f *fused) perceptrons(t *tile, s *scratch) {
	clear(t.outSums[:])
	p := &f.running.p
	if t.tensor.whole() {
		b := t.all()
		f.averages(&s.next, f.running.next, b)
		grid := b.grid()
		grid.Perceptron(b.of(f.running.d), &s.next, b.of(p.Grad), b.of(p.Theta), t.tensor.weights, t.outSums[:])
		return
	}
	for b := t.first(); b.len() > 0; b = t.after(b) {
		if !t.keepsPlanes() {
			f.planes(b, s)
		}
		f.averages(&s.next, f.running.next, b)
		grad, theta := b.of(p.Grad), b.of(p.Theta)
		f.net.units.Perceptron(b.of(f.running.d), &s.next, grad, theta, s.planes, t.tensor.weights, t.outSums[:])
	}
}

// planes lays out those of a block.
func (f *fused) planes(b block, s *scratch) {
	if b.tensor.vector() {
		part := b.tensor.across.part(f.running.next, b.col, b.len())
		f.net.units.SidePlanes(s.planes, &part, b.tensor.across.weights)
		return
	}
	grid := b.grid()
	grid.Expand(s.planes)
}

// weigh takes the means of the squares of a tensor's features, and divides the perceptron's weights by their roots.
func (f *fused) weigh(t *tensor) {
	if len(t.tiles) == 1 {
		f.net.weigh(t.weights, &t.squares, &t.tiles[0].sums, t.len(), t.vector())
		return
	}
	n := float64(t.len())
	for k := range t.squares {
		sum := 0.0
		for i := range t.tiles {
			sum += total(t.tiles[i].sums[k*kernel.Lanes:])
		}
		t.squares[k] = sum / n
	}
	f.net.scaled(t.weights, &t.squares, t.vector())
}

// rate finds what a tensor's directions and weights are multiplied with.
func (f *fused) rate(t *tensor) {
	sum := 0.0
	for i := range t.tiles {
		sum += total(t.tiles[i].outSums[:])
	}
	t.inverse = inverseRoot(sum / float64(t.len()))
	t.rated, t.decayed = f.rule.steer(&t.measured, f.running.p.Phi[f.rest:], &f.running.p)
	t.ofDirection, t.ofTheta = float32(-t.rated*t.inverse), float32(-t.rated*t.decayed)
}

// combined makes steps of a tile's directions, and adds them if the weights are to be moved.
func (f *fused) combined(t *tile, _ *scratch) {
	if t.connected() {
		f.combine(t.all())
		return
	}
	for block := t.first(); block.len() > 0; block = t.after(block) {
		f.combine(block)
	}
}

func (f *fused) combine(x block) {
	a, b, d := x.tensor.ofDirection, x.tensor.ofTheta, x.of(f.running.d)
	switch {
	case b == 0 && f.running.moved != nil:
		theta := x.of(f.running.moved)
		kernel.Combine(theta, d, theta, a, 1)
		return
	case b == 0:
		kernel.SGD(d, d, a)
	default:
		kernel.Combine(d, d, x.of(f.running.p.Theta), a, b)
	}
	if f.running.moved != nil {
		theta := x.of(f.running.moved)
		kernel.Add(theta, theta, d)
	}
}

// averages are a block's in a state.
func (f *fused) averages(a *kernel.Averages, state []float32, b block) {
	at, n, rows := b.at(), b.len(), f.state.Rows
	for k := range a.M {
		a.M[k] = state[rows[k]+at:][:n]
	}
	a.V = state[rows[len(a.M)]+at:][:n]
}

// A scratch is what a worker needs for a block at a time.
type scratch struct {
	planes      []float32
	next, state kernel.Averages
	squares     [kernel.PlaneBlock]float32
	one         [1]float32
	sums        [kernel.SideSums * kernel.Lanes]float32 // of a vector's averages, which nothing depends on

	back *scratchBack
}

func newScratches(n int) []*scratch {
	list := make([]*scratch, n)
	for i := range list {
		list[i] = &scratch{planes: make([]float32, kernel.Planes)}
	}
	return list
}

// total adds up the parts of a sum.
func total(parts []float32) float64 { return kernel.Total((*[kernel.Lanes]float32)(parts)) }
