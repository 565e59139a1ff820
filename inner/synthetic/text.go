package synthetic

import (
	"math"

	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/internal/rng"
)

// chainLength is how many letters a chain has.
const chainLength = 4096

// Chain returns a text of 4,096 letters, of an alphabet of some, 2 to 64, each drawn by the two before it: the logarithms of a letter's
// odds are the sum of one from N(0, 1) for the letter, so that some are rare, one from N(0, 1.5) for it and the letter before, and one
// from N(0, 1.5) for it and the two before, all by key. More or fewer letters panic.
func Chain(letters int, key uint64) *opticks.Text {
	if letters < 2 || letters > maxLetters {
		panic("synthetic: Chain: letters out of range")
	}
	one, two, three := make([]float64, letters), make([]float64, letters*letters), make([]float64, letters*letters*letters)
	rng.Normal(one, rng.Split(key, 2), 1)
	rng.Normal(two, rng.Split(key, 3), math.Sqrt(1.5))
	rng.Normal(three, rng.Split(key, 0), math.Sqrt(1.5))
	odds := three
	for i := 0; i < len(odds); i += letters {
		up, before := 0.0, i/letters%letters*letters
		for j := range letters {
			up += math.Exp(one[j] + two[before+j] + three[i+j])
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
