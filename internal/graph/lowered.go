package graph

// A lowered program is a list of steps over memory that is fixed.
type lowered struct {
	in, out [][]float32
	steps   []func() error
}

func (p *lowered) In(i int) []float32  { return p.in[i] }
func (p *lowered) Out(i int) []float32 { return p.out[i] }

func (p *lowered) Run() error {
	for _, run := range p.steps {
		if err := run(); err != nil {
			return err
		}
	}
	return nil
}

// finish schedules the operations, plans their memory and binds them to it.
func (p *lowered) finish(results []view) {
	readers := readersOf(results)
	steps := inOrder(group(readers))
	for _, v := range results {
		if v.of.mem == nil {
			v.of.mem = lineSlice(v.size())
		}
		p.out = append(p.out, v.slice())
	}
	plan(steps, readers)
	var loops []*loop
	words := 0
	for _, s := range steps {
		if s[0].function == nil {
			p.steps = append(p.steps, s[0].work.bind(s[0]))
			continue
		}
		loop := newLoop(s)
		loops, words = append(loops, loop), max(words, loop.words())
		p.steps = append(p.steps, loop.run)
	}
	registers := lineSlice(words)
	for _, loop := range loops {
		loop.bind(registers)
	}
}
