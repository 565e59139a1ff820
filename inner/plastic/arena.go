package plastic

import (
	"math"

	"github.com/seed1498fded/unroll/internal/rng"
)

// An arena is a square with food in it, and where an agent is.
type arena struct {
	side, turn, reach float64
	walls             bool

	food    []point
	at      point
	heading float64 // radians from the x axis to the y axis
	ate     bool    // the last move found food
}

type point struct{ x, y float64 }

// begin puts the agent into the middle, looking anywhere, and food at random places.
func (a *arena) begin(draw *rng.Stream) {
	a.at, a.ate = point{a.side / 2, a.side / 2}, false
	a.heading = 2 * math.Pi * draw.Float64()
	for i := range a.food {
		a.food[i] = a.anywhere(draw)
	}
}

func (a *arena) anywhere(draw *rng.Stream) point {
	return point{a.side * draw.Float64(), a.side * draw.Float64()}
}

// wrap returns x less the multiple of period that is next to it: a number in ±period/2.
func wrap(x, period float64) float64 { return x - period*math.Round(x/period) }

// way returns the shortest way from the agent to a point.
func (a *arena) way(p point) (dx, dy float64) {
	dx, dy = p.x-a.at.x, p.y-a.at.y
	if a.walls {
		return dx, dy
	}
	return wrap(dx, a.side), wrap(dy, a.side)
}

// nearest returns the angle to the nearest food less the heading, in ±π, and its distance.
func (a *arena) nearest() (angle, distance float64) {
	best, bx, by := math.Inf(1), 0.0, 0.0
	for _, p := range a.food {
		dx, dy := a.way(p)
		if d := dx*dx + dy*dy; d < best {
			best, bx, by = d, dx, dy
		}
	}
	return wrap(math.Atan2(by, bx)-a.heading, 2*math.Pi), math.Sqrt(best)
}

// move rests, turns right (to smaller angles) or left, or goes forward, and eats what is within reach.
func (a *arena) move(bits [2]bool, draw *rng.Stream) bool {
	switch bits {
	case [2]bool{false, true}:
		a.heading = wrap(a.heading-a.turn, 2*math.Pi)
	case [2]bool{true, false}:
		a.heading = wrap(a.heading+a.turn, 2*math.Pi)
	case [2]bool{true, true}:
		a.at = point{a.within(a.at.x + math.Cos(a.heading)), a.within(a.at.y + math.Sin(a.heading))}
	}
	a.ate = false
	for i, p := range a.food {
		if dx, dy := a.way(p); dx*dx+dy*dy <= a.reach*a.reach {
			a.food[i], a.ate = a.anywhere(draw), true
			break // a mouthful a move
		}
	}
	return a.ate
}

// within returns a coordinate inside the arena.
func (a *arena) within(x float64) float64 {
	if a.walls {
		return min(max(x, 0), a.side)
	}
	return x - a.side*math.Floor(x/a.side)
}
