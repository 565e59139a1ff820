package synthetic

import (
	"math"

	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/internal/rng"
)

// chainLength is how many letters a chain has.
const chainLength = 4096

// Chain returns a text of 4,096 letters, of an alphabet of some, 2 to 64, each drawn by the two before it: after every two letters, each
// letter's odds are e^(2x), with x from N(0, 1) by key. More or fewer letters panic.
func Chain(letters int, key uint64) *opticks.Text {
	if letters < 2 || letters > maxLetters {
		panic("synthetic: Chain: letters out of range")
	}
	odds := make([]float64, letters*letters*letters)
	rng.Normal(odds, rng.Split(key, 0), 2)
	for i := 0; i < len(odds); i += letters {
		up := 0.0
		for j := range letters {
			up += math.Exp(odds[i+j])
			odds[i+j] = up
		}
	}
	t := &opticks.Text{Codes: make([]byte, chainLength), Alphabet: make([]byte, letters)}
	for i := range t.Alphabet {
		t.Alphabet[i] = byte('0' + i)
	}
	s, a, b := rng.New(rng.Split(key, 1)), 0, 0
	for i := range t.Codes {
		row := odds[(a*letters+b)*letters:][:letters]
		x, next := s.Float64()*row[letters-1], 0
		for next < letters-1 && x >= row[next] {
			next++
		}
		t.Codes[i] = byte(next)
		a, b = b, next
	}
	return t
}

const maxLetters = 64
