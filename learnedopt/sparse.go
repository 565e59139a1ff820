package learnedopt

// sparseWidth is how many coordinates are packed together: few enough for little waste where few have a gradient, enough
// to be worth the call.
const sparseWidth = 1024

// A sparse runs a rule of scope Coordinates over those coordinates alone whose gradient is not zero, packed together. The others
// take no time and keep their state.
type sparse struct {
	all    *Compiled[float32]
	few    *Compiled[float32] // of width coordinates
	width  int
	rows   []rows         // where the state of a coordinate is in all,
	packed []rows         // and in few
	shared [2]int         // where what coordinates share begins in all, and in few
	point  Point[float32] // of few
	step   []float32      // of few
	active []int
}

func newSparse(c *Compiled[float32], found []rows) (*sparse, error) {
	width := min(max(c.Coordinates(), 2), sparseWidth)
	few, err := Compile[float32](c.Rule(), flatLayout(width))
	if err != nil {
		return nil, err
	}
	return &sparse{
		all: c, few: few, width: width, rows: found, packed: rowsOf(few), step: make([]float32, width),
		point:  Point[float32]{State: make([]float32, few.State().Len()), Grad: make([]float32, width), Theta: make([]float32, width)},
		shared: [2]int{c.StateLayout().Shared[0], few.StateLayout().Shared[0]},
	}, nil
}

// run computes the step and, in place, the next state. What it leaves in step where the gradient is zero means nothing.
func (s *sparse) run(step []float32, p Point[float32]) error {
	s.active = s.active[:0]
	for i, g := range p.Grad {
		if g != 0 {
			s.active = append(s.active, i)
		}
	}
	if len(s.active) == s.all.Coordinates() {
		return s.all.Step(step, p.State, p)
	}
	s.point.Phi, s.point.Loss, s.point.Step, s.point.Horizon = p.Phi, p.Loss, p.Step, p.Horizon
	for from := 0; from == 0 || from < len(s.active); from += s.width { // once at least: shared state goes on
		if err := s.runFew(step, p, s.active[from:min(from+s.width, len(s.active))]); err != nil {
			return err
		}
	}
	copy(p.State[s.shared[0]:], s.point.State[s.shared[1]:])
	return nil
}

// runFew steps at most width coordinates. Behind them is what an earlier call left, which harms nobody: each coordinate
// moves by itself.
func (s *sparse) runFew(step []float32, p Point[float32], active []int) error {
	for k, i := range active {
		s.point.Grad[k] = p.Grad[i]
	}
	if p.Theta != nil {
		for k, i := range active {
			s.point.Theta[k] = p.Theta[i]
		}
	}
	for t, r := range s.rows {
		for k, i := range active {
			copy(s.packed[t].of(s.point.State, k), r.of(p.State, i))
		}
	}
	copy(s.point.State[s.shared[1]:], p.State[s.shared[0]:])
	if err := s.few.Step(s.step, s.point.State, s.point); err != nil {
		return err
	}
	for k, i := range active {
		step[i] = s.step[k]
	}
	for t, r := range s.rows {
		for k, i := range active {
			copy(r.of(p.State, i), s.packed[t].of(s.point.State, k))
		}
	}
	return nil
}
