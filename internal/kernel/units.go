package kernel

import "fmt"

// Units is how many rectifiers each hidden layer of a perceptron has: FewUnits or MostUnits.
type Units int

// The numbers of units that there are kernels for.
const (
	FewUnits  Units = 4
	MostUnits Units = 8
)

// Kernels reports whether there are kernels for so many units.
func (u Units) Kernels() bool { return u == FewUnits || u == MostUnits }

// UnitsFor returns the least number of units with kernels that is n or more, 0 if there is none.
func UnitsFor(n int) Units {
	for _, u := range []Units{FewUnits, MostUnits} {
		if n <= int(u) {
			return u
		}
	}
	return 0
}

// SideWeights is the length of what SideTerms reads: weights [6, u], of the three averages and then of their roots 1/√(s + 1e-8); the
// bias [u]; what each average is multiplied with in its factor 1/√(max(x, floor) + more); floor and more.
func (u Units) SideWeights() int { return 7*int(u) + 3 + 2 }

// PerceptronWeights is the length of what Perceptron reads: the first layer's weights [Streamed, u]; the second layer's bias [u] and
// weights [u, u]; the output's weights [u] and bias.
func (u Units) PerceptronWeights() int { return u.weights2() + int(u) + 1 }

// BackSums is how many sums PerceptronBack takes: the cotangents of all of PerceptronWeights, in their order, and then those of the
// first layer's bias.
func (u Units) BackSums() int { return u.PerceptronWeights() + int(u) }

// MostBackSums is BackSums of MostUnits.
const MostBackSums = (Streamed+int(MostUnits)+3)*int(MostUnits) + 1

// Where weights begin.
func (u Units) bias1() int    { return Streamed * int(u) }
func (u Units) weights1() int { return u.bias1() + int(u) }
func (u Units) weights2() int { return u.weights1() + int(u*u) }

// row returns row k of u columns.
func (u Units) row(w []float32, k int) []float32 { return w[k*int(u) : (k+1)*int(u)] }

// has reports whether there are terms of a kind.
func (u Units) has(kind int) bool { return kind < int(u) || kind >= Factors }

// unitKernels are the kernels in assembly that depend on the number of units.
type unitKernels struct {
	sideTerms      func(terms, s0, s1, s2, w []float32, stride int)
	expandTerms    func(planes, down, across []float32, rows, cols, ldDown, ldAcross int)
	perceptron     func(d, s0, s1, s2, sv, grad, theta, planes, w, sums []float32)
	perceptronGrid func(d, s0, s1, s2, sv, grad, theta, down, across, w, sums []float32, rows, cols, ldDown int)
	perceptronBack func(s0, s1, s2, sv, grad, theta, planes, w, dOut, dTerms, sums []float32)
	momentsBack    func(s0, s1, s2, sv, grad, theta, planes, w, dOut, e, dn0, dn1, dn2, dnv, ds0, ds1, ds2, dsv,
		dGrad, dTheta, dFactors []float32)
	foldTerms func(d, down, across, dDown, dAcross []float32, rows, cols, ldDown, ldAcross int)
}

// assembly returns those of the level that is in use, above plain.
func (u Units) assembly() *unitKernels {
	if !u.Kernels() {
		panic(fmt.Sprintf("kernel: perceptrons of %d units, want %d or %d", int(u), int(FewUnits), int(MostUnits)))
	}
	return &ofUnits[level][u/MostUnits]
}
