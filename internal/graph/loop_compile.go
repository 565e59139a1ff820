package graph

// newLoop makes a loop of a step whose results lie in memory, or, if they have none, in registers. It runs after bind.
func newLoop(s step) *loop {
	c := compiler{
		loop: &loop{rows: s[0].dst.rows, cols: s[0].dst.cols},
		at:   make(map[view]place), last: make(map[view]int), pinned: make(map[view]bool),
	}
	for k, o := range s {
		for _, v := range o.in {
			c.last[v] = k
		}
	}
	for k, o := range s {
		c.operation(k, o)
	}
	l := c.loop
	chunk := min(max(registerFile/max(l.registers, 1)/line*line, chunkLeast), chunkMost)
	l.height, l.width = max(1, chunk/l.cols), l.cols
	if c.long() {
		l.height, l.width = 1, chunk
	}
	return l
}

// A compiler writes the instructions of a loop.
type compiler struct {
	*loop
	at     map[view]place // where views are that have been computed or loaded
	last   map[view]int   // the last operation that reads a view
	free   []int          // registers
	pinned map[view]bool  // what stays in its register for all chunks
}

// long says whether rows are cut up.
func (c *compiler) long() bool { return c.cols > wholeRow }

// register returns one that is free.
func (c *compiler) register() place {
	if n := len(c.free); n > 0 {
		r := c.free[n-1]
		c.free = c.free[:n-1]
		return place{register: r}
	}
	c.registers++
	return place{register: c.registers - 1}
}

// operation writes the instructions of the k-th operation.
func (c *compiler) operation(k int, o *op) {
	if c.loadsInPlace(o) {
		c.emit(instruction{kind: loads, a: o.in[0].place(), y: c.result(o)})
		return
	}
	x := instruction{f: o.function, a: c.operand(o.in[0])}
	if len(o.in) > 1 {
		x.b = c.operand(o.in[1])
	}
	c.release(k, o)
	if c.together(o.dst) {
		x.y = c.result(o)
		c.emit(x)
		return
	}
	if o.function != identity {
		x.y = c.register()
		c.emit(x)
		c.free = append(c.free, x.y.register)
		x.a = x.y
	}
	c.emit(instruction{kind: stores, y: o.dst.place(), a: x.a})
}

func (c *compiler) emit(x instruction) { c.every = append(c.every, x) }

// loadsInPlace says whether o is a copy of what has to be gathered anyhow.
func (c *compiler) loadsInPlace(o *op) bool {
	v := o.in[0]
	_, there := c.at[v]
	return o.function == identity && !there && !c.together(v) && !c.constant(v) && c.together(o.dst)
}

// together says whether the numbers of a chunk lie together in memory.
func (c *compiler) together(v view) bool { return v.col == 1 && (c.long() || v.row == v.cols) }

// constant says whether all chunks are alike.
func (c *compiler) constant(v view) bool { return v.row == 0 && (v.col == 0 || !c.long()) }

// operand returns where a view is, after bringing it there.
func (c *compiler) operand(v view) place {
	p, there := c.at[v]
	switch {
	case there:
		return p
	case c.together(v):
		return v.place()
	case c.constant(v):
		p = place{register: c.registers} // one of its own, which no chunk overwrites
		c.registers++
		c.pinned[v] = true
		c.first = append(c.first, instruction{kind: loads, y: p, a: v.place()})
	default:
		p = c.register()
		c.emit(instruction{kind: loads, y: p, a: v.place()})
	}
	c.at[v] = p
	return p
}

// release frees the registers that nothing reads after the k-th operation.
func (c *compiler) release(k int, o *op) {
	for _, v := range o.in {
		if p, there := c.at[v]; there && p.mem == nil && c.last[v] == k && !c.pinned[v] {
			c.free = append(c.free, p.register)
			delete(c.at, v)
		}
	}
}

// result returns where the result of o goes: to memory if there is some for it.
func (c *compiler) result(o *op) place {
	p := place{}
	if o.dst.of.mem != nil {
		p = o.dst.place()
	} else {
		p = c.register()
	}
	c.at[o.dst] = p
	return p
}
