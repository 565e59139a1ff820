package inner

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/params"
)

// checkLen panics unless v has n elements.
func checkLen[F params.Float](what string, v []F, n int) {
	if len(v) != n {
		panic(fmt.Sprintf("inner: %s of length %d, want %d", what, len(v), n))
	}
}

// checkEval checks the arguments of Eval for weights of length n.
func checkEval[F params.Float](grad, theta []F, n int) {
	checkLen("theta", theta, n)
	if grad != nil {
		checkLen("grad", grad, n)
	}
}

// checkHessianVector checks the arguments of HessianVector for weights of length n.
func checkHessianVector[F params.Float](dst, theta, v []F, n int) {
	checkLen("dst", dst, n)
	checkLen("theta", theta, n)
	checkLen("v", v, n)
}

// fillNaN is what a gradient is where the weights are not finite.
func fillNaN[F params.Float](v []F) {
	nan := F(math.NaN())
	for i := range v {
		v[i] = nan
	}
}
