package suite

var (
	RatioOf   = ratio
	Geometric = geometric
	Reached   = reached
	Smooth    = smooth
	Amount    = amount
)
