package kernel

import (
	"math"

	"github.com/seed1498fded/unroll/params"
)

// sigmoid and tanh in the reference go through float64, so that float32 results are right to half an ulp.

func sigmoid[F params.Float](x F) F { return F(1 / (1 + math.Exp(-float64(x)))) }

func tanh[F params.Float](x F) F { return F(math.Tanh(float64(x))) }
