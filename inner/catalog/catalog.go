// Package catalog knows problems by name, for command lines. It is a package of its own because it brings the embedded
// MNIST with it, 11.6 MB of any program that imports it.
package catalog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/params"
)

// A Split says which part of a data set a problem draws its images from. The first half of the training images is for
// meta-training and the second for measuring what came of it, as in the reproductions of Andrychowicz et al. 2016. The
// last sixth of the first half is set apart to choose among rules: nobody sees Test before the final measurement.
type Split int

const (
	Train Split = iota // 25,000 of MNIST's 60,000 training images
	Valid              // the next 5,000
	Test               // the other 30,000
)

// Splits lists all splits.
func Splits() []Split { return []Split{Train, Valid, Test} }

// String returns the split's name on command lines.
func (s Split) String() string {
	switch s {
	case Train:
		return "train"
	case Valid:
		return "valid"
	case Test:
		return "test"
	}
	return fmt.Sprintf("Split(%d)", int(s))
}

// of returns the split's part of a training set; s is one of Splits.
func (s Split) of(set *data.Set) (*data.Set, error) {
	half := set.Len() / 2
	valid := half - half/6
	from, to := 0, valid
	switch s {
	case Valid:
		from, to = valid, half
	case Test:
		from, to = half, set.Len()
	}
	if from == to {
		return nil, fmt.Errorf("a set of %d images leaves none for the split %q; want 12 or more", set.Len(), s)
	}
	return set.Slice(from, to), nil
}

// Options narrow down a problem of the catalog. The zero value takes every default; to set a field that the problem
// does not have is an error, except Split, which means nothing to functions that are new for every key.
type Options struct {
	Data       string // folder of idx files, see data.Load; the embedded MNIST if empty
	Hidden     []int  // units of the hidden layers; [20] if empty; at most MaxWeights in all the network
	Activation string // of the hidden units, one of nets.Activations(); sigmoid if empty
	Loss       string // one of nets.Losses(); cross-entropy if empty
	Batch      int    // images in a minibatch; 128 if zero; at most MaxBatch
	Split      Split

	// Init says how the network's weights start, see nets.Init. If empty Lookup takes normal0.1, the start of Andrychowicz et
	// al. 2016, and LookupBenchmark lecun; no credit rule makes a difference.
	Init string

	// Credit is the name of a credit rule, see credit.Named, whose signal stands in the gradient's place; backprop, which is
	// the gradient, if empty.
	Credit       string
	CreditConfig json.RawMessage // the rule's settings, with Credit

	// Tasks is how many of the tasks of a family to learn on: those are the splits Train and Valid, which differ in the lives that
	// are led alone, and Test are the others, or all where none are left: nothing is chosen by what it is measured on. 0 takes 8 of
	// the 14 of boolean, and all 104 of boolean3, whose Test is all of them in any case.
	Tasks    int
	TaskSeed uint64 // which tasks: the first of a shuffle by this seed
}

// A listing is one problem of the catalog.
type listing struct {
	name    string
	images  bool // a network on images
	uniform bool // of a quadratic: the released variant
	small   bool // of images: made 8x8
	hidden  []int
	batch   int      // of images: the default; defaultBatch if zero
	lives   bool     // of package plastic; a quadratic or a network on images otherwise
	tasks   int      // of those: how many there are to choose among; 0 if they are not counted
	usual   int      // how many to learn on by default
	takesOf []string // of those: options that apply beside tasks
	own     *Problem // of a program that has registered it; nothing of the above then
	mix     string   // of a mix: its embedded name or its file
}

// catalog lists the problems that go by name.
var catalog = []listing{
	{name: "quadratic"},
	{name: "quadratic-uniform", uniform: true},
	{name: "mnist", images: true, hidden: []int{20}},
	{name: "mnist8", images: true, small: true, hidden: []int{20}},
	{name: "logistic", images: true},
	{name: "logistic8", images: true, small: true},
	{name: "digits8", images: true, small: true, hidden: []int{32}, batch: 16},
	{name: "boolean", lives: true, tasks: 14, usual: 8},
	{name: "boolean3", lives: true, tasks: 104, usual: 104},
	{name: "conditioning", lives: true},
	{name: "association", lives: true},
	{name: "association8", lives: true},
	{name: "foraging", lives: true},
	{name: "xor", lives: true, takesOf: []string{"credit"}},
}

// Names returns the names that Lookup knows: ours, the embedded mixes, then those of Register.
func Names() []string {
	names := append(namesOf(catalog), mixNames()...)
	return append(names, namesOf(registered.list())...)
}

func namesOf(list []listing) (names []string) {
	for _, l := range list {
		names = append(names, l.name)
	}
	return names
}

// Mixed reports whether a name is one of a mix, whose families are an inner.Mix.
func Mixed(name string) bool { return strings.HasPrefix(name, MixPrefix) }

// Cheap reports whether a training run of the problem costs so little that hundreds of them are no matter, and differs so
// much from the next that it takes hundreds to tell optimizers apart. It is false for unknown names.
func Cheap(name string) bool {
	l, err := find(name)
	switch {
	case err != nil:
		return false
	case l.own != nil:
		return l.own.Cheap
	}
	return !l.images
}

// Lookup returns a family of problems by name, for command lines:
//
//	quadratic          the 10-dimensional quadratics of Andrychowicz et al. 2016       10 weights
//	quadratic-uniform  the variant of their released code                              10
//	mnist              their network on images, 784-20-10 with sigmoid units       15,910
//	mnist8             the same on the images made 8x8, 64-20-10                    1,510
//	logistic           softmax regression on 28x28                                  7,850
//	logistic8          and on 8x8                                                     650
//	digits8            mnist8 with 32 hidden units, in minibatches of 16            2,410
//
// Despite their names the last five take any data of MNIST's kind. The problems of package plastic, all inner.Synaptic as those
// on images are:
//
//	boolean            the 14 separable functions of two inputs                         3
//	boolean3           the 104 of three                                                 4
//	conditioning       six preparations of classical conditioning                      12
//	association        which of 2 actions each of 4 stimuli calls for                   8
//	association8       the same for 8 stimuli, in 120 trials                           16
//	foraging           with a broken sensor                                           132
//	xor                a logistic network 2-4-1, modulated by a credit rule            17
//
// A name that begins with MixPrefix is that of a mix of networks, see Mix.
//
// An unknown name, an option that does not apply to the
// problem and data that cannot be read are errors.
func Lookup(name string, o Options) (inner.Family, error) { return LookupOf[float32](name, o) }

// LookupOf is Lookup for weights of element type F.
func LookupOf[F params.Float](name string, o Options) (inner.FamilyOf[F], error) {
	l, err := find(name)
	if err != nil {
		return nil, err
	}
	f, err := family[F](l, o)
	if err != nil {
		return nil, fmt.Errorf("catalog: %s: %w", name, err)
	}
	return f, nil
}

func find(name string) (listing, error) {
	if file, mixed := strings.CutPrefix(name, MixPrefix); mixed {
		return listing{name: name, images: true, mix: file}, nil
	}
	for _, l := range append(slices.Clone(catalog), registered.list()...) {
		if l.name == name {
			return l, nil
		}
	}
	return listing{}, fmt.Errorf("catalog: no problem %q; there are %s", name, strings.Join(Names(), ", "))
}

func family[F params.Float](l listing, o Options) (inner.FamilyOf[F], error) {
	if err := l.check(o); err != nil {
		return nil, err
	}
	if l.own != nil {
		return ownFamily[F](*l.own, o)
	}
	if l.lives {
		return lives[F](l, o)
	}
	if l.mix != "" {
		images := o.Split
		if images == Valid {
			images = Train
		}
		return asFamily(mixed[F](l.mix, o, images))
	}
	if !l.images {
		return inner.QuadraticOf[F]{Uniform: l.uniform}, nil
	}
	set, err := l.load(o)
	if err != nil {
		return nil, err
	}
	if err := l.checkSize(o, set); err != nil {
		return nil, err
	}
	o.Init = cmp.Or(o.Init, string(defaultInit))
	return stepwise[F](l, o, set)
}

// widths returns those of the hidden layers.
func (l listing) widths(o Options) []int {
	if len(o.Hidden) > 0 {
		return o.Hidden
	}
	return l.hidden
}

// takes reports whether an option applies.
func (l listing) takes(option string) bool {
	switch {
	case l.own != nil:
		return slices.Contains(l.own.Takes, option)
	case l.mix != "":
		return option == "data"
	case option == "tasks":
		return l.tasks > 0
	case l.lives:
		return slices.Contains(l.takesOf, option)
	case option == "hidden" || option == "activation":
		return l.hidden != nil
	}
	return l.images
}

// check reports options that do not apply.
func (l listing) check(o Options) error {
	var idle []string
	note := func(set, applies bool, name string) {
		if set && !applies {
			idle = append(idle, name)
		}
	}
	note(o.Data != "", l.takes("data"), "data")
	note(len(o.Hidden) > 0, l.takes("hidden"), "hidden")
	note(o.Activation != "", l.takes("activation"), "activation")
	note(o.Batch != 0, l.takes("batch"), "batch")
	note(o.Credit != "", l.takes("credit"), "credit")
	note(o.Loss != "", l.takes("loss"), "loss")
	note(o.Init != "", l.takes("init"), "init")
	note(o.Tasks != 0, l.takes("tasks"), "tasks")
	note(o.TaskSeed != 0, l.takes("tasks"), "a seed of tasks")
	note(len(o.CreditConfig) > 0, o.Credit != "", "settings of a credit rule without one")
	switch {
	case idle != nil:
		return fmt.Errorf("does not take %s", strings.Join(idle, ", "))
	case !slices.Contains(Splits(), o.Split):
		return fmt.Errorf("no split %d; there are %v", int(o.Split), Splits())
	}
	if err := l.checkTasks(o); err != nil {
		return err
	}
	return l.checkNumbers(o)
}

// load reads the split's images.
func (l listing) load(o Options) (*data.Set, error) {
	all, _, err := load(o.Data)
	if err != nil {
		return nil, err
	}
	part, err := o.Split.of(all)
	if err != nil {
		return nil, err
	}
	return l.sized(part)
}

// load reads the sets of a folder, the embedded ones if it has no name.
func load(folder string) (train, test *data.Set, err error) {
	if folder == "" {
		return mnist.Load()
	}
	return data.Load(folder)
}

// sized returns the images in the problem's size.
func (l listing) sized(set *data.Set) (*data.Set, error) {
	if l.small {
		return set.Downsample8()
	}
	return set, nil
}
