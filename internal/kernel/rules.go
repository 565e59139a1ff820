package kernel

import (
	"math"

	"github.com/seed1498fded/unroll/params"
)

// The steps of the hand-made rules, each one pass over memory that writes the step and the next state. All slices of a
// call have one length, any; a next state may be the state itself, and a step may lie over what is read. Rates are those
// of a descent, negative. NaN and Inf go where the formulas take them.
//
// Every product, sum, quotient and root is rounded by itself, to nearest: assembly and plain Go give the same bits.

// Add sets y = a + b.
func Add(y, a, b []float32) {
	sameLength(len(y), len(a))
	sameLength(len(y), len(b))
	if level > plain {
		addAVX2(y, a, b)
		return
	}
	addGeneric(y, a, b)
}

// SGD sets step = rate·g.
func SGD(step, grad []float32, rate float32) {
	sameLength(len(step), len(grad))
	if level > plain {
		sgdAVX2(step, grad, rate)
		return
	}
	sgdGeneric(step, grad, rate)
}

// Momentum sets v ← μv + g, into next, and step = rate·v.
func Momentum(step, next, grad, v []float32, rate, mu float32) {
	sameLengths(step, next, grad, v)
	if level > plain {
		momentumAVX2(step, next, grad, v, rate, mu)
		return
	}
	momentumGeneric(step, next, grad, v, rate, mu)
}

// NAG sets v ← μv + g, into next, and step = rate·(g + μv).
func NAG(step, next, grad, v []float32, rate, mu float32) {
	sameLengths(step, next, grad, v)
	if level > plain {
		nagAVX2(step, next, grad, v, rate, mu)
		return
	}
	nagGeneric(step, next, grad, v, rate, mu)
}

// RMSpropFactors are what all coordinates share in a step of RMSprop.
type RMSpropFactors[F params.Float] struct {
	Rate        F // −LR
	Alpha, Rest F // α and 1−α
	Eps         F
}

// RMSprop sets v ← αv + (1−α)g², into next, and step = Rate·g/(√v + Eps).
func RMSprop(step, next, grad, v []float32, f *RMSpropFactors[float32]) {
	sameLengths(step, next, grad, v)
	if level > plain {
		rmspropAVX2(step, next, grad, v, f.Rate, f.Alpha, f.Rest, f.Eps)
		return
	}
	rmspropGeneric(step, next, grad, v, f)
}

// AdamFactors are what all coordinates share in step t of Adam or AdamW.
type AdamFactors[F params.Float] struct {
	Rate         F // −LR/(1−β₁^t)
	Beta1, Rest1 F // β₁ and 1−β₁
	Beta2, Rest2 F // β₂ and 1−β₂
	Unbias2      F // 1/(1−β₂^t)
	Eps          F
	Decay        F // LR·λ, of AdamW
}

// Adam sets m ← β₁m + (1−β₁)g and v ← β₂v + (1−β₂)g², into nextM and nextV, and step = Rate·m/(√(Unbias2·v) + Eps).
func Adam(step, nextM, nextV, grad, m, v []float32, f *AdamFactors[float32]) {
	sameLengths(step, nextM, nextV, grad, m, v)
	if level > plain {
		adamAVX2(step, nextM, nextV, grad, m, v, f.Rate, f.Beta1, f.Rest1, f.Beta2, f.Rest2, f.Unbias2, f.Eps)
		return
	}
	adamGeneric(step, nextM, nextV, grad, m, v, f)
}

// AdamW is Adam, with Decay·theta taken from the step.
func AdamW(step, nextM, nextV, grad, m, v, theta []float32, f *AdamFactors[float32]) {
	sameLengths(step, nextM, nextV, grad, m, v, theta)
	if level > plain {
		adamwAVX2(step, nextM, nextV, grad, m, v, theta, f.Rate, f.Beta1, f.Rest1, f.Beta2, f.Rest2, f.Unbias2, f.Eps, f.Decay)
		return
	}
	adamwGeneric(step, nextM, nextV, grad, m, v, theta, f)
}

func sameLengths(result []float32, others ...[]float32) {
	for _, x := range others {
		sameLength(len(result), len(x))
	}
}

// The conversions below keep compilers from joining a product and a sum into one operation of one rounding.

func addGeneric[F params.Float](y, a, b []F) {
	for i, v := range a {
		y[i] = v + b[i]
	}
}

func sgdGeneric[F params.Float](step, grad []F, rate F) {
	for i, g := range grad {
		step[i] = rate * g
	}
}

func momentumGeneric[F params.Float](step, next, grad, v []F, rate, mu F) {
	for i, g := range grad {
		x := F(mu*v[i]) + g
		next[i], step[i] = x, rate*x
	}
}

func nagGeneric[F params.Float](step, next, grad, v []F, rate, mu F) {
	for i, g := range grad {
		x := F(mu*v[i]) + g
		next[i], step[i] = x, rate*(g+F(mu*x))
	}
}

func rmspropGeneric[F params.Float](step, next, grad, v []F, f *RMSpropFactors[F]) {
	for i, g := range grad {
		x := average(f.Alpha, v[i], f.Rest, g*g)
		next[i], step[i] = x, f.Rate*(g/(root(x)+f.Eps))
	}
}

func adamGeneric[F params.Float](step, nextM, nextV, grad, m, v []F, f *AdamFactors[F]) {
	for i, g := range grad {
		nextM[i], nextV[i], step[i] = f.step(g, m[i], v[i])
	}
}

func adamwGeneric[F params.Float](step, nextM, nextV, grad, m, v, theta []F, f *AdamFactors[F]) {
	for i, g := range grad {
		x, y, s := f.step(g, m[i], v[i])
		nextM[i], nextV[i], step[i] = x, y, s-F(f.Decay*theta[i])
	}
}

// step is Adam's step for one coordinate.
func (f *AdamFactors[F]) step(g, m, v F) (nextM, nextV, step F) {
	m = average(f.Beta1, m, f.Rest1, g)
	v = average(f.Beta2, v, f.Rest2, g*g)
	return m, v, F(f.Rate * (m / (root(F(f.Unbias2*v)) + f.Eps)))
}

// average returns beta·m + rest·x.
func average[F params.Float](beta, m, rest, x F) F { return F(beta*m) + F(rest*x) }

// root goes through float64, which does not change a float32's root.
func root[F params.Float](x F) F { return F(math.Sqrt(float64(x))) }
