package suite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner"
)

// A Problem is one training problem of a suite.
type Problem struct {
	Number int // which of the twelve it is, or is a part of, from 1
	Name   string

	// Family is what to train: Sample(key) is the problem, of key only in factorisation and noisy-quadratic, and implements
	// inner.Tested. It loads the data that it needs, once for all.
	Family inner.Family
	Batch  int // examples in a minibatch; 0 where each step sees all there are
	Steps  int // how long to train
	Final  int // how many of the last minibatches' losses the final training loss is the mean of

	// Floor is the loss below which no loss counts as better than another: it is added to both sides of a ratio. It is 0
	// but for rosenbrock, which can be brought to 0.
	Floor float64
}

// The lengths of runs: of unroll-12, of its long form, and of the quick suite.
const (
	usualSteps = 2000
	longer     = 10
	quickSteps = 500
)

// finalLosses is how many of the last losses count where they are of minibatches.
const finalLosses = 50

// fewFinalLosses is that of runs of 100 steps.
const fewFinalLosses = 5

// Unroll12 returns all problems, 2,000 steps each. Those that share a Number are parts of one: what is counted over problems, a
// win or a ratio, counts once for both, as the geometric mean of their ratios. The caller owns the list.
func Unroll12() []Problem {
	list := []Problem{
		{Number: 1, Name: "fashion-mlp", Family: MLP{}, Batch: 128},
		{Number: 2, Name: "mnist-mlp", Family: secondHalf{MLP: MLP{Hidden: []int{20}}}, Batch: 128},
		{Number: 3, Name: "fashion-deep", Family: MLP{Hidden: slices.Repeat([]int{64}, 8), Batch: 64}, Batch: 64},
		{Number: 4, Name: "fashion-conv", Family: Conv{}, Batch: 64},
		{Number: 5, Name: "fashion-residual", Family: Residual{}, Batch: 64},
		{Number: 6, Name: "fashion-autoencoder", Family: Autoencoder{}, Batch: 128},
		{Number: 7, Name: "opticks-lstm", Family: CharLSTM{}, Batch: 32},
		{Number: 8, Name: "opticks-transformer", Family: Transformer{}, Batch: 16},
		{Number: 9, Name: "sine-lstm", Family: Sines{}, Batch: 128},
		{Number: 10, Name: "breast-logistic", Family: Logistic{}},
		{Number: 10, Name: "wine-logistic", Family: wines{}},
		{Number: 11, Name: "factorisation", Family: Factorisation{}},
		{Number: 11, Name: "noisy-quadratic", Family: NoisyQuadratic{}, Batch: 1},
		{Number: 12, Name: "rosenbrock", Family: Rosenbrock{}, Floor: .01},
		{Number: 12, Name: "diabetes-mlp", Family: Regression{}, Batch: 32},
	}
	for i := range list {
		list[i].Steps, list[i].Final = usualSteps, 1
		if list[i].Batch > 0 {
			list[i].Final = finalLosses
		}
	}
	return list
}

// quick names the problems of the quick suite.
var quick = []string{
	"mnist-mlp", "fashion-deep", "fashion-conv", "fashion-residual", "sine-lstm",
	"breast-logistic", "factorisation", "noisy-quadratic", "rosenbrock", "diabetes-mlp",
}

// Quick returns the cheaper problems of unroll-12, 500 steps each: two seconds or so for all, beside what the optimizer takes. They
// are for looking at, not for claims. The caller owns the list.
func Quick() []Problem {
	list := slices.DeleteFunc(Unroll12(), func(p Problem) bool { return !slices.Contains(quick, p.Name) })
	for i := range list {
		list[i].Steps = quickSteps
	}
	return list
}

// Long returns the problem with ten times as many steps, and -long after its name: for how rules do beyond the horizon that they
// were learned for.
func (p Problem) Long() Problem {
	p.Name, p.Steps = p.Name+"-long", longer*p.Steps
	return p
}

// Names returns the names of all suites.
func Names() []string { return []string{"unroll12", "unroll12-long", "quick", "perceptrons"} }

// Lookup returns the problems of a suite by its name. An unknown name is an error that lists those there are.
func Lookup(name string) ([]Problem, error) {
	switch name {
	case "unroll12":
		return Unroll12(), nil
	case "unroll12-long":
		list := Unroll12()
		for i, p := range list {
			list[i] = p.Long()
		}
		return list, nil
	case "quick":
		return Quick(), nil
	case "perceptrons":
		return Perceptrons(), nil
	}
	return nil, fmt.Errorf("suite: no suite %q; there are %s", name, strings.Join(Names(), ", "))
}
