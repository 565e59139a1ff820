package graph

// Part returns a function that runs a part of it: of what the given outputs need, the operations whose last
// input, in the order of NewReference, is at from or later and before to. All others keep the values they have. So with inputs
// in the order in which they change ever more often, each part that hangs on what has not changed is left out:
//
//	before := p.Part(0, k, outs...)          // all that does not depend on input k or a later one
//	after := p.Part(k, len(inputs), outs...) // the rest, as often as those inputs change
//
// An operation of constants alone counts as one of input 0.
func (p *Reference[F]) Part(from, to int, outs ...int) func() error {
	last := make([]int, len(p.values)) // of each slot, the last input it depends on
	for i, s := range p.in {
		last[s] = i
	}
	needed := make([]bool, len(p.values))
	for _, o := range outs {
		needed[p.out[o]] = true
	}
	for i := range p.insts {
		c := &p.insts[i]
		for _, s := range c.src {
			last[c.dst] = max(last[c.dst], last[s])
		}
	}
	for i := len(p.insts) - 1; i >= 0; i-- {
		c := &p.insts[i]
		for _, s := range c.src {
			needed[s] = needed[s] || needed[c.dst]
		}
	}
	var part []*inst
	for i := range p.insts {
		if c := &p.insts[i]; needed[c.dst] && from <= last[c.dst] && last[c.dst] < to {
			part = append(part, c)
		}
	}
	return func() error {
		for _, c := range part {
			if err := p.do(c); err != nil {
				return err
			}
		}
		return nil
	}
}
