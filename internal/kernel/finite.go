package kernel

import "github.com/seed1498fded/unroll/params"

// Finite reports whether no element is infinite or NaN.
func Finite[F params.Float](v []F) bool {
	if single, ok := any(v).([]float32); ok && level > plain && len(single) >= 32 {
		whole := len(v) &^ 31
		if !finiteAVX2(single[:whole]) {
			return false
		}
		v = v[whole:]
	}
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
