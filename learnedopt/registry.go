package learnedopt

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/learnedopt/celo"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/hierarchical"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/learnedopt/nnadam"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/learnedopt/rnnmlp"
	"github.com/seed1498fded/unroll/learnedopt/rnnprop"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
)

// A registry makes rules by name. It is safe for concurrent use.
type registry struct {
	mu      sync.RWMutex
	entries []entry
}

type entry struct {
	name    string
	newRule func() Rule
}

// registered are the rules that programs have added to ours.
var registered registry

// Register adds a rule of one's own to those that [Load], [Named] and the commands know by name. newRule returns a new rule
// with its defaults at each call, a pointer to a struct: its JSON form is the rule's configuration, as for our rules. Call it
// before the first use, from main for instance; order among init functions does not matter, since ours come first anyway.
//
// A nil function or rule, a rule that is no such pointer or not new each time, a name that is taken, and one that is not a
// lower-case word of letters, digits, - and _ are mistakes of the caller, and panic.
func Register(newRule func() Rule) {
	if newRule == nil {
		panic("learnedopt: Register of a nil function")
	}
	name := checkedName(newRule(), newRule())
	if !registered.add(entry{name, newRule}) {
		panic(fmt.Sprintf("learnedopt: Register of rule %q, which is there already", name))
	}
}

// add reports false if the name is taken. It runs no code of the rule's, which might use the registry.
func (r *registry) add(e entry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := slices.ContainsFunc(ours(), func(r Rule) bool { return r.Name() == e.name }) ||
		slices.ContainsFunc(r.entries, func(other entry) bool { return other.name == e.name })
	if !taken {
		r.entries = append(r.entries, e)
	}
	return !taken
}

// list returns what there is. It never changes.
func (r *registry) list() []entry {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.entries)
}

// checkedName returns the name of a rule that was made twice.
func checkedName(r, again Rule) string {
	mustPoint("Register", r)
	mustPoint("Register", again)
	name := r.Name()
	if !word(name) {
		panic(fmt.Sprintf("learnedopt: Register of rule %s; want a name of lower-case letters, digits, - and _", brief.Quote(name)))
	}
	typ := reflect.TypeOf(r)
	if again.Name() != name || reflect.TypeOf(again) != typ || typ.Elem().Size() > 0 && r == again {
		panic(fmt.Sprintf("learnedopt: Register of rule %q; want a function that makes one rule, a new one each time", name))
	}
	return name
}

// mustPoint panics unless a rule is one that a configuration can be read into.
func mustPoint(doing string, r Rule) {
	v := reflect.ValueOf(r)
	if v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct {
		return
	}
	panic(fmt.Sprintf("learnedopt: %s of %T; want a pointer to a struct, which a configuration can be read into", doing, r))
}

// word reports whether a name will do on command lines and in paths.
func word(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

// Compositions name the rules in them as files do.
func init() { compose.SetNamed(Named) }

// ours returns one of each rule of this module.
func ours() []Rule {
	return slices.Concat(
		handmade.All(),
		compose.All(),
		stepsize.All(),
		[]Rule{new(lstm.Rule), new(lstm.Averaging)},
		plastic.All(),
		mlp.All(),
		rnnprop.All(),
		celo.All(),
		nnadam.All(),
		rnnmlp.All(),
		hierarchical.All(),
	)
}

// All returns one of each rule with its defaults: ours, then those of [Register] in the order in which they came. These are
// the rules that a file or a command line can name. Ours obey the laws of package ruletest.
func All() []Rule {
	list := ours()
	for _, e := range registered.list() {
		list = append(list, e.newRule())
	}
	return list
}

// Names returns the names of all rules, in the order of All.
func Names() []string {
	var names []string
	for _, r := range All() {
		names = append(names, r.Name())
	}
	return names
}

// Named returns a new rule of that name with the given configuration, the JSON form of the rule's struct; an empty one
// means the defaults. An unknown name or field is an error, and so is a field that is given twice, is null or is out of its
// range. The error is short and names the rule and the field.
func Named(name string, config json.RawMessage) (Rule, error) {
	for _, r := range All() {
		if r.Name() != name {
			continue
		}
		if err := configure(r, config); err != nil {
			return nil, err
		}
		return r, nil
	}
	return nil, fmt.Errorf("learnedopt: unknown rule %s; want one of %s", brief.Quote(name), brief.Text(strings.Join(Names(), ", "), 180))
}
