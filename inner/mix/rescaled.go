package mix

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A Range is an interval from Low to High, above 0, from which numbers are drawn uniformly in their logarithm. The zero Range
// is 1 alone.
type Range struct{ Low, High float64 }

// Validate reports ends that are out of order, not above 0 or infinite.
func (r Range) Validate() error {
	if r != (Range{}) && !(r.Low > 0 && r.High >= r.Low && !math.IsInf(r.High, 1)) {
		return fmt.Errorf("from %v to %v; want numbers above 0 in order", r.Low, r.High)
	}
	return nil
}

func (r Range) draw(s *rng.Stream) float64 {
	if r == (Range{}) {
		return 1
	}
	return r.Low * math.Exp(s.Float64()*math.Log(r.High/r.Low))
}

// A Level says which weights are measured in a unit of their own.
type Level string

// The levels.
const (
	None       Level = "none"       // all in units of 1
	Global     Level = "global"     // all in one unit
	Tensor     Level = "tensor"     // each tensor in its own
	Coordinate Level = "coordinate" // each weight in its own
)

// Levels returns all levels.
func Levels() []Level { return []Level{None, Global, Tensor, Coordinate} }

// RescaledOf is a family in other units and from other starts. A problem's start is multiplied by a number from Gain; then its
// weights are measured in units c from Unit, f'(θ') = f(cθ'): a rule has to find out the size of a good step by itself (Lv, Jiang
// and Li 2017, section 4.1; Metz et al. 2022, appendix). All is drawn by the problem's key.
type RescaledOf[F params.Float] struct {
	Of    inner.FamilyOf[F] // not a mix; its problems must not be Signalled or show anything to synapses
	Gain  Range
	Unit  Range
	Level []Level // one is drawn; None if there is none
}

// Rescaled is the form in use.
type Rescaled = RescaledOf[float32]

var _ inner.Family = Rescaled{}

// Validate reports ranges out of order and unknown levels.
func (f RescaledOf[F]) Validate() error {
	if err := f.Gain.Validate(); err != nil {
		return fmt.Errorf("gain: %w", err)
	}
	if err := f.Unit.Validate(); err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	for _, l := range f.Level {
		if !slices.Contains(Levels(), l) {
			return fmt.Errorf("no level %q; there are %s", string(l), strings.Trim(fmt.Sprint(Levels()), "[]"))
		}
	}
	return nil
}

// Sample implements inner.FamilyOf.
func (f RescaledOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("mix: %w", err)
	}
	of, err := f.Of.Sample(rng.Split(key, keyOwn))
	if err != nil {
		return nil, err
	}
	if _, signalled := of.(inner.SignalledOf[F]); signalled {
		return nil, fmt.Errorf("mix: %T hands out a signal in the gradient's place, which has no units", of)
	}
	s := rng.New(rng.Split(key, keyUnits))
	p := &rescaled[F]{of: of, gain: F(f.Gain.draw(s))}
	level := None
	if len(f.Level) > 0 {
		level = f.Level[s.IntN(len(f.Level))]
	}
	f.units(p, level, s)
	return p, nil
}

// units draws the units of a problem's weights.
func (f RescaledOf[F]) units(p *rescaled[F], level Level, s *rng.Stream) {
	if level == None {
		return
	}
	n := p.of.Params().Len()
	p.unit, p.theta = make([]F, 0, n), make([]F, n)
	c := F(f.Unit.draw(s))
	for i, spec := range p.of.Params() {
		if level == Tensor && i > 0 {
			c = F(f.Unit.draw(s))
		}
		for range spec.Len() {
			if level == Coordinate && len(p.unit) > 0 {
				c = F(f.Unit.draw(s))
			}
			p.unit = append(p.unit, c)
		}
	}
}

// A rescaled problem is of in other units.
type rescaled[F params.Float] struct {
	of    inner.ProblemOf[F]
	gain  F
	unit  []F // nil for units of 1
	theta []F // in units of 1
}

// Params implements inner.ProblemOf.
func (p *rescaled[F]) Params() params.Layout { return p.of.Params() }

// Bytes implements inner.Sized.
func (p *rescaled[F]) Bytes() float64 {
	return 8*float64(len(p.unit)+len(p.theta)) + bytesOf(p.of)
}

// Init implements inner.ProblemOf.
func (p *rescaled[F]) Init(theta []F, key uint64) {
	p.of.Init(theta, key)
	for i := range theta {
		theta[i] *= p.gain
	}
	for i, c := range p.unit {
		theta[i] /= c
	}
}

// Eval implements inner.ProblemOf.
func (p *rescaled[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	if p.unit == nil {
		return p.of.Eval(grad, theta, key)
	}
	if n := len(p.unit); len(theta) != n || grad != nil && len(grad) != n {
		panic(fmt.Sprintf("mix: theta of length %d and gradient of length %d, want %d", len(theta), len(grad), n))
	}
	for i, c := range p.unit {
		p.theta[i] = c * theta[i]
	}
	loss, err := p.of.Eval(grad, p.theta, key)
	if grad != nil {
		for i, c := range p.unit {
			grad[i] *= c
		}
	}
	return loss, err
}
