package learnedopt

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	G "gorgonia.org/gorgonia"
)

// A foreignOption is one of Gorgonia's, told by the fields of Gorgonia's solvers that it sets.
type foreignOption struct {
	name  string
	field string // holds the value
	flag  string // is set too, if not ""
	set   func(o *options, v float64) error
}

var foreignOptions = []foreignOption{
	{"gorgonia.WithClip", "clip", "useClip", (*options).setClip},
	{"gorgonia.WithBatchSize", "batch", "", (*options).setBatch},
	{"gorgonia.WithL1Reg", "l1reg", "useL1Reg", func(o *options, v float64) error { o.l1 = v; return notNegative(v) }},
	{"gorgonia.WithL2Reg", "l2reg", "useL2Reg", func(o *options, v float64) error { o.l2 = v; return notNegative(v) }},
	{"gorgonia.WithLearnRate", "eta", "", refuse("a trained rule has no learning rate; learnedopt.WithRate multiplies its steps")},
	{"gorgonia.WithEps", "eps", "", refuse(ownSettings)},
	{"gorgonia.WithBeta1", "beta1", "", refuse(ownSettings)},
	{"gorgonia.WithBeta2", "beta2", "", refuse(ownSettings)},
	{"gorgonia.WithRho", "decay", "", refuse(ownSettings)},
	{"gorgonia.WithMomentum", "momentum", "", refuse(ownSettings)},
}

const ownSettings = "a trained rule keeps its own settings; for others make another rule, such as &handmade.Adam{Beta1: 0.8}"

func refuse(why string) func(*options, float64) error {
	return func(*options, float64) error { return errors.New(why) }
}

func notNegative(v float64) error {
	if !(v >= 0) || math.IsInf(v, 1) {
		return fmt.Errorf("the factor is %v, want a number of at least 0", v)
	}
	return nil
}

// applyForeign honours the i-th of the given options, or refuses it. An option that sets several things counts as each.
func (o *options) applyForeign(i int, opt Option) {
	set := probe(opt)
	if len(set) == 0 {
		o.fail(fmt.Sprintf("option %d", i+1), errors.New("sets nothing that gorgonia's solvers have; want options of learnedopt or gorgonia"))
	}
	for _, f := range foreignOptions {
		_, flagged := set[f.flag]
		v, changed := set[f.field]
		if changed || flagged {
			o.fail(f.name, f.set(o, v))
		}
		delete(set, f.field)
		delete(set, f.flag)
	}
	for _, field := range slices.Sorted(maps.Keys(set)) {
		o.fail(fmt.Sprintf("option %d", i+1), fmt.Errorf("sets %q of gorgonia's solvers, which a trained rule has not", field))
	}
}

// probe finds out what an option of unknown make sets: the fields of Gorgonia's solvers that it changes, and to what. An
// option is a closure, and asking the solvers is the only way to see into it. Each is asked twice, as it is made and with
// all its fields at zero, since an option may set what is there already.
func probe(opt Option) map[string]float64 {
	set := make(map[string]float64)
	for _, s := range []G.Solver{
		G.NewAdamSolver(), new(G.AdamSolver), G.NewRMSPropSolver(), new(G.RMSPropSolver), G.NewMomentum(), new(G.Momentum),
	} {
		before := fields(s)
		applyTo(s, opt)
		for name, v := range fields(s) {
			if math.Float64bits(v) != math.Float64bits(before[name]) {
				set[name] = v
			}
		}
	}
	return set
}

// fields returns the numbers and flags of one of Gorgonia's solvers.
func fields(s G.Solver) map[string]float64 {
	v := reflect.ValueOf(s).Elem()
	all := make(map[string]float64)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i); f.Kind() {
		case reflect.Float64:
			all[name] = f.Float()
		case reflect.Bool:
			if all[name] = 0; f.Bool() {
				all[name] = 1
			}
		}
	}
	return all
}
