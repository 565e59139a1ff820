package search

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/formula"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/params"
)

// GP is genetic programming (Koza 1992, "Genetic programming"; Bengio, Bengio and Cloutier 1995 searched for learning rules by
// it): the candidates are formulas of what a synapse feels, each as a vector of FormulaLayout, which DecodeFormula turns into a
// rule. A child is its mother with a part of its father in the place of a part, or with a part changed, or both. Of two formulas of
// one loss the shorter one is better (Luke and Panait 2002, "Lexicographic parsimony pressure").
//
// A search begins at a formula of EncodeFormula; at all zeros it begins at the formula 0, which changes nothing. That is the first
// candidate, the others are drawn.
//
// Its current vector is the best formula of the last generation.
type GP struct {
	Population int      `json:"population"`          // formulas; 200 if zero
	Tournament int      `json:"tournament"`          // candidates that a parent is the best of; 5 if zero
	Elite      int      `json:"elite"`               // candidates kept as they are, less than population; 4 if zero, none if −1
	Nodes      int      `json:"nodes"`               // of the largest formula, at most 31; 31 if zero
	Mutation   float64  `json:"mutation"`            // probability that a child is changed; 0.5 if zero. Half of these and all others are crossed
	Parsimony  float64  `json:"parsimony"`           // the loss that a node counts as, 0 or more; at 0 it is for formulas of one loss
	Variables  []string `json:"variables,omitempty"` // pre, potential, mod and weight if empty
	Functions  []string `json:"functions,omitempty"` // of + - * / neg tanh abs; + - * if empty
}

func (c GP) filled() GP {
	c.Population, c.Tournament, c.Elite = cmp.Or(c.Population, 200), cmp.Or(c.Tournament, 5), elites(c.Elite, 4)
	c.Nodes, c.Mutation = cmp.Or(c.Nodes, formula.MaxNodes), cmp.Or(c.Mutation, 0.5)
	if len(c.Variables) == 0 {
		c.Variables = []string{"pre", "potential", "mod", "weight"}
	}
	if len(c.Functions) == 0 {
		c.Functions = []string{"+", "-", "*"}
	}
	return c
}

// MarshalJSON writes the settings with every default in its place.
func (c GP) MarshalJSON() ([]byte, error) {
	type plain GP
	f := c.filled()
	f.Elite = cmp.Or(c.Elite, f.Elite)
	return json.Marshal(plain(f))
}

// New implements Method.
func (c GP) New(start []float64, key uint64) (Search, error) {
	c = c.filled()
	h := herd{c.Population, c.Tournament, c.Elite, c.Parsimony}
	var nodes error
	if c.Nodes < 1 || c.Nodes > formula.MaxNodes {
		nodes = fmt.Errorf("nodes is %d; want 1 to %d", c.Nodes, formula.MaxNodes)
	}
	variables, err1 := kinds("variables", c.Variables, formula.Variables())
	functions, err2 := kinds("functions", c.Functions, formula.Functions())
	if err := checked("gp", h.check(), nodes, between("mutation", c.Mutation, 0, 1), err1, err2); err != nil {
		return nil, err
	}
	start = slices.Clone(start)
	if len(start) == FormulaLayout().Len() && !slices.ContainsFunc(start, func(x float64) bool { return x != 0 }) {
		formula.Encode(start, formula.Number(0))
	}
	s, err := newBreeding("gp", start, key, h, &formulas{
		GP: c, grammar: formula.Grammar{Variables: variables, Functions: functions, Size: c.Nodes},
	})
	if err != nil {
		return nil, err
	}
	n, err := formula.Decode(start)
	if err != nil {
		return nil, fmt.Errorf("search: gp: start: %w", err)
	}
	if n.Size() > c.Nodes {
		return nil, fmt.Errorf("search: gp: a start of %d nodes; want at most %d", n.Size(), c.Nodes)
	}
	return s, nil
}

// kinds reads names.
func kinds(field string, list []string, of []formula.Kind) (found []formula.Kind, err error) {
	for _, name := range list {
		k, ok := formula.Named(name)
		if !ok || !slices.Contains(of, k) {
			var want []string
			for _, k := range of {
				want = append(want, k.Name())
			}
			return nil, fmt.Errorf("%s: unknown %s; want of %s", field, brief.Quote(name), strings.Join(want, ", "))
		}
		found = append(found, k)
	}
	return found, nil
}

// formulas is how GP makes candidates.
type formulas struct {
	GP
	grammar formula.Grammar
}

// first implements breeder.
func (g *formulas) first(dst []float64, r *rng.Stream) {
	formula.Encode(dst, g.grammar.Random(r, g.Nodes))
}

// child implements breeder.
func (g *formulas) child(dst, mother, father []float64, r *rng.Stream) {
	n := mustDecode(mother)
	change := r.Float64() < g.Mutation
	if !change || r.Uint64()%2 == 0 {
		n = g.grammar.Cross(r, n, mustDecode(father))
	}
	if change {
		n = g.grammar.Mutate(r, n)
	}
	formula.Encode(dst, n)
}

// size implements breeder.
func (*formulas) size(x []float64) int { return mustDecode(x).Size() }

// mustDecode reads a genome that was written here, or in a file that was.
func mustDecode(x []float64) *formula.Node {
	n, err := formula.Decode(x)
	if err != nil {
		return formula.Number(0)
	}
	return n
}

// FormulaLayout lays out a formula as a phi: for each node, each before its arguments, its kind and its number.
func FormulaLayout() params.Layout { return formula.Layout() }

// EncodeFormula returns a formula as a phi laid out by FormulaLayout. What is no formula, or has more nodes than there is room for,
// is an error. See plastic.Formula for the text.
func EncodeFormula(text string) ([]float32, error) {
	n, err := formula.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	if size := n.Size(); size > formula.MaxNodes {
		return nil, fmt.Errorf("search: a formula of %d nodes; want at most %d", size, formula.MaxNodes)
	}
	phi := make([]float32, FormulaLayout().Len())
	formula.Encode(phi, n)
	return phi, nil
}

// errFormula leads the errors of DecodeFormula.
var errFormula = errors.New("search: phi is no formula")

// DecodeFormula turns a phi laid out by FormulaLayout into a rule and the rule's own phi, the numbers in the formula. The rule's
// configuration holds the formula's text. What is no formula is an error.
func DecodeFormula(phi []float32) (r *plastic.Formula, numbers []float32, err error) {
	n, err := formula.Decode(phi)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errFormula, err)
	}
	r = &plastic.Formula{Formula: n.String()}
	return r, learnedopt.Phi(r, 0), nil
}
