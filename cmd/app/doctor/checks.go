package doctor

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/fashion"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/internal/build"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// program says what this program is.
func program(options) finding { return well("%s", build.Here()) }

// processors are how many there are, and the instructions that kernels use of them.
func processors(options) finding {
	f := well("%d, of which %d are in use", runtime.NumCPU(), runtime.GOMAXPROCS(0))
	switch {
	case strings.HasSuffix(build.Here().Instructions, " go"):
		f.what += ", without AVX2"
		f.mend = "everything works, several times slower; on amd64 build without -tags purego, and see whether a virtual machine hides AVX2"
	case runtime.GOMAXPROCS(0) < runtime.NumCPU():
		f.mend = "unset GOMAXPROCS to use all"
	}
	return f
}

// kernels holds the steps of an embedded rule on this processor's kernels to those of its formulas.
func kernels(options) finding {
	const mend = "this processor's instructions do not compute what they should: build with -tags purego, and report it"
	off, err := difference("zoo:lstm-mnist8")
	if err != nil {
		return failed(err, mend)
	}
	if !(off < 1e-5) {
		return failed(fmt.Errorf("steps on kernels differ from the formulas' by %.1e", off), mend)
	}
	return well("steps agree with the formulas to %.0e", max(off, 1e-12))
}

// difference is by how much steps on kernels differ from those of the expression, relative to the largest step.
func difference(rule string) (float64, error) {
	const n, steps = 100, 10
	trained, err := learnedopt.Load(rule)
	if err != nil {
		return 0, err
	}
	var moved [2][]float32 // all steps, on kernels and by the expression
	for i, reference := range []bool{false, true} {
		theta := params.Layout{{Name: "theta", Shape: []int{n}}}
		c, err := learnedopt.CompileWith[float32](trained.Rule, theta, learnedopt.Options{Workers: 1, Reference: reference})
		if err != nil {
			return 0, err
		}
		state, grad, step := make([]float32, c.State().Len()), make([]float32, n), make([]float32, n)
		for t := range steps {
			for k := range grad {
				grad[k] = float32(math.Exp(float64(k%23)-16) * math.Sin(float64(1+k+7*t)))
			}
			p := learnedopt.Point[float32]{Phi: trained.Phi, State: state, Grad: grad, Theta: make([]float32, n), Step: t}
			if err := c.Step(step, state, p); err != nil {
				return 0, err
			}
			moved[i] = append(moved[i], step...)
		}
	}
	off, largest := 0.0, 0.0
	for i, x := range moved[1] {
		off = max(off, math.Abs(float64(x-moved[0][i])))
		largest = max(largest, math.Abs(float64(x)))
	}
	return off / largest, nil
}

// little is how much memory is too little for more than small problems.
const little = 1 << 30

func memory(options) finding {
	n := machine.Memory()
	f := well("%.1f GB for this program", float64(n)/1e9)
	if n < little {
		f.mend = "small problems will do, such as mnist8; what does not fit is refused before it begins"
	}
	return f
}

// environment tells of variables that stand for flags, which one may have forgotten.
func environment(options) finding {
	var set []string
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, cli.EnvPrefix) && value != "" {
			set = append(set, name)
		}
	}
	slices.Sort(set)
	if len(set) == 0 {
		return finding{}
	}
	return finding{what: strings.Join(set, ", "), mend: "the flags of these names have other defaults; unset what you did not mean"}
}

const rebuild = "the program is damaged: build it anew from a clean checkout"

// rules reads all embedded rules, each of which has a checksum.
func rules(options) finding {
	for _, name := range zoo.Names() {
		if _, err := learnedopt.Load(learnedopt.ZooPrefix + name); err != nil {
			return failed(err, rebuild)
		}
	}
	return well("%d embedded rules are sound", len(zoo.Names()))
}

// The fingerprints of the data that are embedded; of Opticks the SHA-256 of its characters by number.
const (
	mnistPrint   = "cacce8ea1e7785a59a4bdea6badffd931d110c4392bc09582f033d834caa90d4"
	fashionPrint = "b0bb6b817dec8c2382fb9e534463bd9af31ade1a2ddc8dcdcac11755daf8c613"
	opticksPrint = "c718df111708fcfd85c00c93a63dc9a625e5015ccdc57969322a387f66172ed5"
)

func embedded(options) finding {
	for _, set := range []struct {
		name, print string
		load        func() (train, test *data.Set, err error)
	}{{"MNIST", mnistPrint, mnist.Load}, {"Fashion-MNIST", fashionPrint, fashion.Load}} {
		train, test, err := set.load()
		if err != nil {
			return failed(fmt.Errorf("%s: %w", set.name, err), rebuild)
		}
		if print := data.Fingerprint(train, test); print != set.print {
			return failed(fmt.Errorf("%s: the fingerprint is %s, want %s", set.name, print, set.print), rebuild)
		}
	}
	train, test, err := opticks.Load()
	if err != nil {
		return failed(err, rebuild)
	}
	if print := fmt.Sprintf("%x", sha256.Sum256(slices.Concat(train.Codes, test.Codes))); print != opticksPrint {
		return failed(fmt.Errorf("opticks: the fingerprint is %s, want %s", print, opticksPrint), rebuild)
	}
	return well("MNIST, Fashion-MNIST and Opticks are as they were embedded")
}

// own reads the images of a folder.
func own(o options) finding {
	if o.Data == "" {
		return finding{}
	}
	train, test, err := data.Load(o.Data)
	if err != nil {
		return failed(err, "want the four idx files of a data set such as MNIST, plain or gzip, under their usual names")
	}
	return well("%s: %d images to train on, %d to test, of %dx%d, %d classes",
		o.Data, train.Len(), test.Len(), train.Rows, train.Cols, train.Classes)
}

// folder does in a new folder what a run does in its own, and takes it away again.
func folder(o options) finding {
	above := o.Out
	for {
		info, err := os.Stat(above)
		if err == nil && !info.IsDir() {
			return failed(fmt.Errorf("%s is no folder", above), "name another with --out, for runs as well")
		}
		if err == nil {
			break
		}
		if up := filepath.Dir(above); up != above {
			above = up
			continue
		}
		return failed(fmt.Errorf("%s: %w", above, cli.Reason(err)), "name another with --out, for runs as well")
	}
	if err := rehearse(above); err != nil {
		return failed(fmt.Errorf("%s: %w", o.Out, err), "see to permissions and space, or name another folder with --out, for runs as well")
	}
	return well("%s can be written to and locked", o.Out)
}

func rehearse(dir string) (err error) {
	at, err := os.MkdirTemp(dir, ".unroll-doctor-*")
	if err != nil {
		return cli.Reason(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(at)) }()
	run := filepath.Join(at, "run")
	f, err := rundir.Create(rundir.OS{}, run)
	if err != nil {
		return err
	}
	path := filepath.Join(run, "rehearsal.safetensors")
	for range 2 { // the second replaces the first, as each checkpoint of a run does
		if err := (&checkpoints.File{Kind: "rehearsal"}).Save(path); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	_, err = checkpoints.Load(path, "rehearsal")
	return errors.Join(err, f.Close())
}
