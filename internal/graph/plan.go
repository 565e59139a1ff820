package graph

import "slices"

// A lifetime is the steps from the first that writes a matrix to the last that reads it.
type lifetime struct {
	m           *matrix
	first, last int
	at          int // where it is to lie
}

func (a *lifetime) meets(b *lifetime) bool { return a.first <= b.last && b.first <= a.last }

// plan gives memory to what outlives a step, in one block, where matrices that do not live at one time may lie at one place.
func plan(steps []step, readers map[*op][]*op) {
	var lives []*lifetime
	of := make(map[*matrix]*lifetime)
	touch := func(m *matrix, i int) {
		switch life := of[m]; {
		case life != nil:
			life.last = i
		case m.mem == nil:
			of[m] = &lifetime{m: m, first: i, last: i}
			lives = append(lives, of[m])
		}
	}
	for i, s := range steps {
		for _, o := range s {
			if !o.passing(s, readers[o]) {
				touch(o.dst.of, i)
			}
		}
		for _, o := range s {
			for _, v := range o.in {
				if of[v.of] != nil {
					touch(v.of, i)
				}
			}
		}
	}
	total := 0
	slices.SortStableFunc(lives, func(a, b *lifetime) int { return b.m.size() - a.m.size() })
	for i, a := range lives {
		a.at = fit(a, lives[:i])
		total = max(total, a.at+a.m.size())
	}
	block := lineSlice(total)
	for _, a := range lives {
		a.m.mem = block[a.at : a.at+a.m.size() : a.at+a.m.size()]
	}
}

// fit returns the first place where a fits between those that live while it does.
func fit(a *lifetime, placed []*lifetime) int {
	var others []*lifetime
	for _, b := range placed {
		if a.meets(b) {
			others = append(others, b)
		}
	}
	slices.SortFunc(others, func(b, c *lifetime) int { return b.at - c.at })
	at := 0
	for _, b := range others {
		if at+a.m.size() <= b.at {
			break
		}
		at = max(at, (b.at+b.m.size()+line-1)/line*line)
	}
	return at
}
