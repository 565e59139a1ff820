package suite

import problems "github.com/seed1498fded/unroll/inner/suite"

// Key returns what the runs on a problem of that name hang on.
func Key(name string, key uint64) uint64 {
	return newCourse(problems.Problem{Name: name}, key, 1, nil).key
}

var (
	RatioOf   = ratio
	Geometric = geometric
	Reached   = reached
	Smooth    = smooth
	Amount    = amount
)
