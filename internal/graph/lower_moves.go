package graph

import (
	G "gorgonia.org/gorgonia"
)

// pieces is a matrix that is zero but for some parts, which do not overlap: what slices leave of a cotangent. Sums of such
// matrices are put together before a zero is written.
type pieces struct {
	rows, cols int
	dst        []view // where each lies, of a matrix that is not there yet
	src        []view
	covered    []bool
}

func newPieces(rows, cols int) *pieces {
	return &pieces{rows: rows, cols: cols, covered: make([]bool, rows*cols)}
}

// add lays a piece, if nothing lies there.
func (p *pieces) add(dst, src view) bool {
	free := true
	dst.each(func(at int) { free = free && !p.covered[at] })
	if !free {
		return false
	}
	dst.each(func(at int) { p.covered[at] = true })
	p.dst, p.src = append(p.dst, dst), append(p.src, src)
	return true
}

// each calls f with the place of every number.
func (v view) each(f func(at int)) {
	for i := range v.rows {
		for j := range v.cols {
			f(v.at + i*v.row + j*v.col)
		}
	}
}

// plus puts the pieces of both together; nil where they overlap.
func (p *pieces) plus(q *pieces) *pieces {
	if p.rows != q.rows || p.cols != q.cols {
		return nil
	}
	sum := newPieces(p.rows, p.cols)
	for _, x := range []*pieces{p, q} {
		for i := range x.dst {
			if !sum.add(x.dst[i], x.src[i]) {
				return nil
			}
		}
	}
	return sum
}

// assemble makes a matrix of pieces: each is copied, or computed, to where it lies.
func (l *lowering) assemble(p *pieces) view {
	m := &matrix{rows: p.rows, cols: p.cols}
	var after []*op
	for _, c := range p.covered {
		if !c {
			l.add(&op{function: identity, in: []view{l.constant(0).repeated(p.rows, p.cols)}, dst: all(m)})
			after = m.writers
			break
		}
	}
	for i, dst := range p.dst {
		dst.of = m
		l.add(&op{function: identity, in: []view{l.shaped(p.src[i], dst.rows, dst.cols)}, dst: dst, after: after})
	}
	return all(m)
}

// move translates an operation that says more of itself than a kernel; nil where it takes that.
func (l *lowering) move(def *Def, in []*G.Node) pending {
	rows, cols := dims(def.Shape)
	ok, v := false, view{}
	switch m := def.lower.(type) {
	case applies:
		return l.apply(m.f, rows, cols, l.view(in[0]))
	case same:
		return l.view(in[0])
	case zeros:
		return l.constant(0).repeated(rows, cols)
	case takes:
		v, ok = l.view(in[0]).take(in[0].Shape(), m.stride)
	case cuts:
		if v = l.view(in[0]); v.size() == rows*cols {
			return v
		}
		v, ok = l.gapless(v).cut(m.at, rows*cols)
	case spreads:
		v, ok = l.view(in[0]).spread(def.Shape, m.axis)
	case sums:
		return l.sumAlong(l.view(in[0]), in[0].Shape(), m.axis)
	case pastes:
		dst, ok := all(&matrix{rows: rows, cols: cols}).take(def.Shape, m.stride)
		if p := newPieces(rows, cols); ok && p.add(dst, l.view(in[0])) {
			return p
		}
	case uncuts:
		return l.join(rows, cols, in, []int{m.at})
	case joins:
		return l.join(rows, cols, in, m.begins)
	}
	if ok {
		return v
	}
	return nil
}

func (l *lowering) join(rows, cols int, parts []*G.Node, begins []int) pending {
	p := newPieces(rows, cols)
	for i, part := range parts {
		src := l.view(part)
		dst, _ := all(&matrix{rows: rows, cols: cols}).cut(begins[i], src.size())
		if w, ok := dst.as(src.rows, src.cols); ok {
			dst = w
		}
		if !p.add(dst, src) {
			return nil
		}
	}
	return p
}
