package plastic

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

var (
	rest    = [2]bool{false, false}
	right   = [2]bool{false, true}
	left    = [2]bool{true, false}
	forward = [2]bool{true, true}
)

// Of two pieces the nearer one is sensed: across the edge of a torus, and not across a wall.
func TestNearest(t *testing.T) {
	a := arena{side: 10, reach: 1, at: point{1, 5}, food: []point{{9, 5}, {6, 5}}}
	angle, distance := a.nearest()
	assert.InDelta(t, math.Pi, math.Abs(angle), 1e-12)
	assert.InDelta(t, 2, distance, 1e-12)
	a.walls, a.heading = true, math.Pi/2
	angle, distance = a.nearest()
	assert.InDelta(t, -math.Pi/2, angle, 1e-12)
	assert.InDelta(t, 5, distance, 1e-12)
}

// Moves do what they are called, and left and right undo each other.
func TestMoves(t *testing.T) {
	draw := rng.New(1)
	a := arena{side: 10, turn: math.Pi / 6, reach: 0.5, at: point{5, 5}, food: []point{{7, 5}}}
	for _, bits := range [][2]bool{rest, left, right, right, left} {
		require.False(t, a.move(bits, draw))
	}
	assert.Equal(t, point{5, 5}, a.at)
	assert.InDelta(t, 0, a.heading, 1e-12)
	a.move(left, draw)
	assert.InDelta(t, math.Pi/6, a.heading, 1e-12)
	angle, _ := a.nearest()
	assert.InDelta(t, -math.Pi/6, angle, 1e-12, "what was ahead is to the right")
	a.move(right, draw)
	require.False(t, a.move(forward, draw))
	require.True(t, a.move(forward, draw), "food is eaten where it is")
	require.NotEqual(t, point{7, 5}, a.food[0], "and comes again elsewhere")
}

// The agent does not leave: it stops at walls, and comes in on the other side without them.
func TestEdges(t *testing.T) {
	draw := rng.New(1)
	for _, walls := range []bool{false, true} {
		a := arena{side: 10, walls: walls, at: point{9.5, 0.25}, food: []point{{5, 5}}}
		a.move(forward, draw)
		want := point{0.5, 0.25}
		if walls {
			want = point{10, 0.25}
		}
		assert.Equal(t, want, a.at)
		a.heading = -math.Pi / 2
		a.move(forward, draw)
		if want.y = 9.25; walls {
			want.y = 0
		}
		assert.InDelta(t, want.x, a.at.x, 1e-12)
		assert.InDelta(t, want.y, a.at.y, 1e-12)
	}
}
