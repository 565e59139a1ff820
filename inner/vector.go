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

// finite reports whether no element is infinite or NaN.
func finite[F params.Float](v []F) bool {
	for ; len(v) >= 4; v = v[4:] { // Inf−Inf and NaN−NaN are NaN, and so is every sum with one
		if (v[0]-v[0])+(v[1]-v[1])+(v[2]-v[2])+(v[3]-v[3]) != 0 {
			return false
		}
	}
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}

// fillNaN is what a gradient is where the weights are not finite.
func fillNaN[F params.Float](v []F) {
	nan := F(math.NaN())
	for i := range v {
		v[i] = nan
	}
}
