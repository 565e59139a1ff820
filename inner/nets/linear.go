package nets

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A linear is an expression that is linear in x and in w, each by itself.
type linear func(x, w *G.Node) (*G.Node, error)

// derived is an affine map whose A is given by an expression and whose bias is one number for each channel.
type derived[F params.Float] struct {
	in, result Shape
	w          []int
	fanIn      int
	programs   *pool[*linearPrograms[F]]
	sums       *pool[[]F] // for each part dw, and the sum of du, not yet over the pixels
}

// linearPrograms are what a linear is compiled into, for one goroutine.
type linearPrograms[F params.Float] struct {
	forward  *graph.Program[F] // u from x and w
	back     *graph.Program[F] // dx from w, du and any x
	gradient *graph.Program[F] // dw from x, du and any w
	bias     []F               // that of every element of u
	out      Shape
}

func newDerived[F params.Float](in Shape, w []int, fanIn int, write linear) (*derived[F], error) {
	first, err := newLinearPrograms[F](in, w, write)
	if err != nil {
		return nil, err
	}
	d := &derived[F]{in: in, result: first.out, w: w, fanIn: fanIn}
	d.programs = &pool[*linearPrograms[F]]{free: []*linearPrograms[F]{first}, build: func() *linearPrograms[F] {
		return must(newLinearPrograms[F](in, w, write))
	}}
	d.sums = &pool[[]F]{build: func() []F { return make([]F, maxParts*d.sumLen()) }}
	return d, nil
}

// newLinearPrograms compiles the map and its two vector-Jacobian products, and checks that it is linear.
func newLinearPrograms[F params.Float](in Shape, wShape []int, write linear) (*linearPrograms[F], error) {
	p := new(linearPrograms[F])
	err := building(func() error {
		g := G.NewGraph()
		x, w := input[F](g, "x", in.dims()), input[F](g, "w", wShape)
		u, err := write(x, w)
		if p.out, err = resultShape[F](g, u, err); err != nil {
			return err
		}
		du := input[F](g, "du", u.Shape())
		d, err := graph.VJP([]*G.Node{u}, []*G.Node{du}, []*G.Node{x, w})
		if err != nil {
			return err
		}
		if p.forward, err = graph.Compile[F]([]*G.Node{x, w}, []*G.Node{u}); err != nil {
			return err
		}
		if p.back, err = graph.Compile[F]([]*G.Node{w, du, x}, d[:1]); err != nil {
			return err
		}
		if p.gradient, err = graph.Compile[F]([]*G.Node{x, du, w}, d[1:]); err != nil {
			return err
		}
		p.bias = make([]F, p.out.Size())
		return p.check()
	})
	return p, err
}

// check runs all programs, and holds the map against what is linear: zero goes to zero, and the derivative depends on what it
// is taken by in no more than its size, which Gorgonia may read off it.
func (p *linearPrograms[F]) check() error {
	for i, of := range []struct {
		program *graph.Program[F]
		name    string
	}{{p.back, "input x"}, {p.gradient, "weights w"}} {
		clear(p.forward.In(i))
		rng.Normal(p.forward.In(1-i), 0, 1)
		if err := p.forward.Run(); err != nil {
			return err
		}
		if u := p.forward.Out(0); !slices.Equal(u, make([]F, len(u))) {
			return fmt.Errorf("not linear in the %s: the result for zero is not zero", of.name)
		}
		var results [2][]F
		for i := range results {
			rng.Normal(of.program.In(0), 0, 1)
			rng.Normal(of.program.In(1), 1, 1)
			rng.Normal(of.program.In(2), rng.Split(2, uint64(i)), 1)
			if err := of.program.Run(); err != nil {
				return err
			}
			results[i] = slices.Clone(of.program.Out(0))
		}
		if !slices.Equal(results[0], results[1]) {
			return fmt.Errorf("not linear in the %s: its derivative depends on it", of.name)
		}
	}
	return nil
}

func (d *derived[F]) weights() (w, b []int) { return d.w, []int{d.result.Channels} }

// fans takes the mean over the inputs for those that see one; at the border of an image some are left out, and some strides
// leave out more.
func (d *derived[F]) fans() (in, out int) {
	return d.fanIn, max(1, d.fanIn*d.result.Size()/d.in.Size())
}

func (d *derived[F]) out() Shape { return d.result }

// alone reports whether n rows are too little work to share.
func (d *derived[F]) alone(n int) bool { return alone(n * d.result.Size() * max(1, d.fanIn/16)) }

func (d *derived[F]) forward(u, x, w, b []F, n int) {
	if d.alone(n) {
		d.forwardRows(u, x, w, b, 0, n)
		return
	}
	together(n, func(_, first, last int) { d.forwardRows(u, x, w, b, first, last) })
}

func (d *derived[F]) forwardRows(u, x, w, b []F, first, last int) {
	p, in, out := d.programs.take(), d.in.Size(), d.result.Size()
	copy(p.forward.In(1), w)
	spread(p.bias, b)
	for row := first; row < last; row++ {
		copy(p.forward.In(0), x[row*in:(row+1)*in])
		run(p.forward)
		add(u[row*out:(row+1)*out], p.forward.Out(0), p.bias)
	}
	d.programs.put(p)
}

func (d *derived[F]) back(dx, w, du []F, n int) {
	if d.alone(n) {
		d.backRows(dx, w, du, 0, n)
		return
	}
	together(n, func(_, first, last int) { d.backRows(dx, w, du, first, last) })
}

func (d *derived[F]) backRows(dx, w, du []F, first, last int) {
	p, in, out := d.programs.take(), d.in.Size(), d.result.Size()
	copy(p.back.In(0), w)
	for row := first; row < last; row++ {
		copy(p.back.In(1), du[row*out:(row+1)*out])
		run(p.back)
		copy(dx[row*in:(row+1)*in], p.back.Out(0))
	}
	d.programs.put(p)
}

// sumLen is the number of sums of one part.
func (d *derived[F]) sumLen() int { return params.Spec{Shape: d.w}.Len() + d.result.Size() }

func (d *derived[F]) gradient(dw, db, x, du []F, n int) {
	sums := d.sums.take()
	if d.alone(n) {
		for p := range partsOf(n) {
			first, last := part(n, p)
			d.gradientRows(sums, x, du, p, first, last)
		}
	} else {
		together(n, func(p, first, last int) { d.gradientRows(sums, x, du, p, first, last) })
	}
	size := d.sumLen()
	for p := 1; p < partsOf(n); p++ {
		add(sums[:size], sums[:size], sums[p*size:(p+1)*size])
	}
	copy(dw, sums)
	gather(db, sums[len(dw):size])
	d.sums.put(sums)
}

// gradientRows overwrites the sums of a part.
func (d *derived[F]) gradientRows(sums, x, du []F, p, first, last int) {
	size, in, out := d.sumLen(), d.in.Size(), d.result.Size()
	sums = sums[p*size : (p+1)*size]
	clear(sums)
	dw, db := sums[:size-out], sums[size-out:]
	programs := d.programs.take()
	prog := programs.gradient
	for row := first; row < last; row++ {
		copy(prog.In(0), x[row*in:(row+1)*in])
		copy(prog.In(1), du[row*out:(row+1)*out])
		run(prog)
		add(dw, dw, prog.Out(0))
		add(db, db, du[row*out:(row+1)*out])
	}
	d.programs.put(programs)
}

// spread repeats the bias of each channel over its pixels.
func spread[F params.Float](wide, b []F) {
	pixels := len(wide) / len(b)
	for c, v := range b {
		for i := range pixels {
			wide[c*pixels+i] = v
		}
	}
}

// gather sums over the pixels of each channel.
func gather[F params.Float](db, wide []F) {
	pixels := len(wide) / len(db)
	for c := range db {
		sum := 0.0
		for _, v := range wide[c*pixels : (c+1)*pixels] {
			sum += float64(v)
		}
		db[c] = F(sum)
	}
}
