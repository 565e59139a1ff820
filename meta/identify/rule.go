package identify

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// A Rule is what trains a network: where its teaching signals come from, and what becomes of them.
type Rule struct {
	Name   string
	Credit string                                 // the name of a credit rule, see credit.Named
	With   func(rate float64) *learnedopt.Trained // the optimizer at a learning rate; learned ones have their own and pass it over
	Rates  [2]float64                             // networks have rates between these; zero where With passes them over

	// Problem makes the problem that a network is trained as of the family of images, if it is to be another than the family's
	// own, which has the credit rule's signal in the gradient's place, and shows the senses of credit.SensesOf to plasticity rules.
	Problem func(credit.Family) (inner.Problem, error)

	optimizer string // its name, where FindRule has found it
}

// An optimizer is one that goes by name, and the rates that do well on small networks on images of 8x8.
type optimizer struct {
	name  string
	rates [2]float64
	with  func(lr float64) learnedopt.Rule
}

// optimizers are the hand-made ones.
var optimizers = []optimizer{
	{"sgd", [2]float64{0.05, 0.5}, func(lr float64) learnedopt.Rule { return &handmade.SGD{LR: lr} }},
	{"momentum", [2]float64{0.005, 0.05}, func(lr float64) learnedopt.Rule { return &handmade.Momentum{LR: lr} }},
	{"nag", [2]float64{0.005, 0.05}, func(lr float64) learnedopt.Rule { return &handmade.NAG{LR: lr} }},
	{"rmsprop", [2]float64{3e-4, 3e-3}, func(lr float64) learnedopt.Rule { return &handmade.RMSprop{LR: lr} }},
	{"adam", [2]float64{5e-4, 5e-3}, func(lr float64) learnedopt.Rule { return &handmade.Adam{LR: lr} }},
	{"adamw", [2]float64{5e-4, 5e-3}, func(lr float64) learnedopt.Rule { return &handmade.AdamW{Adam: handmade.Adam{LR: lr}} }},
}

const (
	defaultCredit    = "backprop"
	defaultOptimizer = "momentum"
)

// DefaultRules returns the names of the four rules that are told apart by default: gradient descent with momentum and Adam on the
// gradient, feedback alignment and sign-symmetry (frsf, that is with fixed random sizes) with momentum. The paper has information
// alignment (Kunin et al. 2020) in the place of sign-symmetry.
func DefaultRules() []string { return []string{"momentum", "adam", "fa", "sign-symmetry"} }

// Optimizers returns the names of the hand-made optimizers.
func Optimizers() []string {
	var names []string
	for _, o := range optimizers {
		names = append(names, o.name)
	}
	return names
}

// FindRule returns the rule of a name of the form CREDIT+OPTIMIZER. Either part may be left out, with the +: the credit rule is
// backprop then, the optimizer momentum. CREDIT is a name of credit.Named; OPTIMIZER is one of Optimizers, a rule of the zoo, the
// file of a learned rule, or another rule of learnedopt.Named with its defaults, such as delta. It may be a plasticity rule. A part
// that is none of these and a file that cannot be read are errors.
func FindRule(name string) (Rule, error) {
	creditName, optimizerName, both := strings.Cut(name, "+")
	if _, err := credit.Named[float32](creditName, nil); err != nil {
		if creditName, optimizerName = defaultCredit, name; both && !strings.ContainsAny(name, "./\\") {
			return Rule{}, fmt.Errorf("identify: rule %.60q: %w", name, err)
		}
	} else if !both {
		optimizerName = defaultOptimizer
	}
	r := Rule{Name: name, Credit: creditName, optimizer: optimizerName}
	if err := r.find(optimizerName); err != nil {
		return Rule{}, fmt.Errorf("identify: rule %.60q: %w", name, err)
	}
	return r, r.Validate()
}

// find sets the optimizer of a name.
func (r *Rule) find(name string) error {
	for _, o := range optimizers {
		if o.name == name {
			r.Rates = o.rates
			r.With = func(lr float64) *learnedopt.Trained { return &learnedopt.Trained{Rule: o.with(lr)} }
			return nil
		}
	}
	if other, err := learnedopt.Named(name, nil); err == nil {
		r.With = func(float64) *learnedopt.Trained { return &learnedopt.Trained{Rule: other} }
		return nil
	}
	path := name
	if slices.Contains(zoo.Names(), name) {
		path = learnedopt.ZooPrefix + name
	}
	trained, err := learnedopt.Load(path)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "./\\") {
		return fmt.Errorf("no optimizer %.60q; want CREDIT+OPTIMIZER or one of the two: optimizers %s; learned %s; a file; credit rules %s",
			name, strings.Join(Optimizers(), " "), strings.Join(zoo.Names(), " "), strings.Join(credit.Names(), " "))
	}
	r.With = func(float64) *learnedopt.Trained { return trained }
	return err
}

// Validate reports a rule without a name, a credit rule or an optimizer, and rates out of order.
func (r Rule) Validate() error {
	switch {
	case r.Name == "" || r.With == nil:
		return errors.New("identify: a rule without a name, or without an optimizer")
	case r.Rates != [2]float64{} && !(0 < r.Rates[0] && r.Rates[0] <= r.Rates[1] && r.Rates[1] < math.Inf(1)):
		return fmt.Errorf("identify: rule %.60q: rates from %v to %v; want them above 0 and ascending", r.Name, r.Rates[0], r.Rates[1])
	}
	if _, err := credit.Named[float32](r.Credit, nil); err != nil {
		return fmt.Errorf("identify: rule %.60q: %w", r.Name, err)
	}
	return nil
}

// is reports whether two rules are one, whatever their names.
func (r Rule) is(o Rule) bool {
	return r.Name == o.Name || r.optimizer != "" && r.Credit == o.Credit && r.optimizer == o.optimizer
}

// Rate draws a learning rate, uniformly on a logarithmic scale; 0 where there is nothing to draw.
func (r Rule) Rate(key uint64) float64 {
	low := cmp.Or(r.Rates[0], 1)
	if r.Rates[1] == 0 {
		return 0
	}
	return low * math.Pow(r.Rates[1]/low, rng.New(key).Float64())
}
