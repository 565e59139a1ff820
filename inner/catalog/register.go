package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/params"
)

// A Problem is what a program adds to the catalog with Register.
type Problem struct {
	// Family returns the problems of a split, Options.Split: Train to learn on, Valid to choose among rules, Test to measure.
	// Where each key names a new function, all three may be the same. Of the other options only those are set that Takes
	// names.
	Family func(Options) (inner.Family, error)

	Cheap    bool     // see [Cheap]
	Takes    []string // the options that apply, of "data", "hidden", "activation", "batch", "loss", "init", "credit" and "tasks"
	Defaults Options  // values that mean the same as to leave an option out; to be told so by [Options.Plain]
}

// options are the names that Problem.Takes may hold.
var options = []string{"data", "hidden", "activation", "batch", "credit", "loss", "init", "tasks"}

// A registry holds problems by name. It is safe for concurrent use.
type registry struct {
	mu       sync.RWMutex
	listings []listing
}

var registered registry

// Register adds a problem of one's own to those that [Lookup] and the commands know by name. Call it before the first use,
// from main for instance; ours come first anyway.
//
// No Family, a name that is taken or is not a lower-case word of letters, digits, - and _, and an option in Takes that does
// not exist are mistakes of the caller, and panic.
func Register(name string, p Problem) {
	switch unknown := slices.IndexFunc(p.Takes, func(o string) bool { return !slices.Contains(options, o) }); {
	case !word(name):
		panic(fmt.Sprintf("catalog: Register of problem %.60q; want a name of lower-case letters, digits, - and _", name))
	case p.Family == nil:
		panic(fmt.Sprintf("catalog: Register of problem %q without a Family", name))
	case unknown >= 0:
		panic(fmt.Sprintf("catalog: Register of problem %q, which takes %.60q; options are %s", name, p.Takes[unknown], strings.Join(options, ", ")))
	case !registered.add(listing{name: name, own: &p}):
		panic(fmt.Sprintf("catalog: Register of problem %q, which is there already", name))
	}
}

// word reports whether a name will do on command lines and in paths.
func word(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

// add reports false if the name is taken.
func (r *registry) add(l listing) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	named := func(other listing) bool { return other.name == l.name }
	if slices.ContainsFunc(catalog, named) || slices.ContainsFunc(r.listings, named) {
		return false
	}
	r.listings = append(r.listings, l)
	return true
}

func (r *registry) list() []listing {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.listings)
}

// ownFamily returns the problems of a program, which has them in float32 alone.
func ownFamily[F params.Float](p Problem, o Options) (inner.FamilyOf[F], error) {
	f, err := p.Family(o)
	switch {
	case err != nil:
		return nil, err
	case f == nil:
		return nil, errors.New("its Family returned nothing")
	}
	if f, ok := f.(inner.FamilyOf[F]); ok {
		return f, nil
	}
	return nil, errors.New("it is there in float32 alone")
}

// plain leaves out what only says a default of the problem's again.
func (p Problem) plain(o Options) Options {
	d := p.Defaults
	if slices.Equal(o.Hidden, d.Hidden) {
		o.Hidden = nil
	}
	forget(&o.Activation, d.Activation)
	forget(&o.Batch, d.Batch)
	forget(&o.Loss, d.Loss)
	forget(&o.Tasks, d.Tasks)
	return o
}

// forget clears a value that is the default.
func forget[T comparable](v *T, otherwise T) {
	if *v == otherwise {
		*v = *new(T)
	}
}
