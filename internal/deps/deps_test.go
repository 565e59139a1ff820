// Package deps holds no code, only the test of which package may import which.
package deps

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/seed1498fded/unroll"

// A node is what a package may import of this module. Names of packages are folders of the module.
type node struct {
	imports string
	tests   string // what its tests may import beside that and itself
}

// The lattice, from the ground up: each package stands on those above it in this list. A new package needs a line, and a
// new arrow a reason. inner and learnedopt never meet below meta: a problem is not written for a rule, nor a rule for a
// problem.
var lattice = map[string]node{
	"internal/brief": {},

	"params":              {imports: "internal/brief"},
	"internal/rng":        {},
	"internal/regular":    {},
	"internal/atomicfile": {},
	"internal/machine":    {},

	"internal/config":  {imports: "internal/brief"},
	"internal/formula": {imports: "internal/brief internal/rng params"},

	"checkpoints":     {imports: "internal/atomicfile internal/brief internal/regular params"},
	"checkpoints/zoo": {imports: "checkpoints"},
	"internal/kernel": {imports: "params", tests: "internal/rng"},
	"internal/build":  {imports: "internal/kernel"},
	"internal/graph":  {imports: "internal/kernel params", tests: "internal/rng"}, // what a graph is lowered onto
	"internal/matrix": {imports: "internal/kernel params", tests: "internal/rng"},

	"inner/data":        {imports: "internal/regular"},
	"inner/data/mnist":  {imports: "inner/data"},
	"inner":             {imports: "internal/graph internal/kernel internal/rng params", tests: "inner/problemtest"},
	"inner/nets":        {imports: "internal/graph internal/kernel internal/matrix internal/rng params", tests: "inner/credit inner/data/mnist inner/problemtest"},
	"inner/credit":      {imports: "inner inner/data inner/nets internal/kernel internal/matrix internal/machine internal/rng params", tests: "inner/credit/credittest inner/data/mnist inner/problemtest internal/graph"},
	"inner/problemtest": {imports: "inner inner/data internal/rng params"},
	"inner/mix":         {imports: "inner internal/rng params", tests: "inner/problemtest inner/synthetic"},
	"inner/plastic":     {imports: "inner inner/credit inner/nets internal/kernel internal/rng params", tests: "inner/problemtest"},
	"inner/predictive":  {imports: "inner internal/graph params", tests: "inner/problemtest internal/rng"},
	"inner/catalog":     {imports: "inner inner/credit inner/data inner/data/gosource inner/data/mnist inner/mix inner/nets inner/plastic inner/suite inner/synthetic internal/regular internal/rng params", tests: "inner/plastic inner/problemtest internal/rng"},

	"inner/data/fashion": {imports: "inner/data"},
	"inner/data/opticks": {},
	"inner/data/tables":  {imports: "internal/rng"},

	"inner/data/gosource": {imports: "inner/data/opticks"}, // for its Text

	"inner/suite": {
		imports: "inner inner/data inner/data/fashion inner/data/mnist inner/data/opticks inner/data/tables inner/nets internal/kernel internal/matrix internal/rng params",
		tests:   "inner/problemtest internal/graph",
	},

	"inner/credit/credittest": {imports: "inner/credit inner/data inner/data/mnist inner/nets inner/problemtest internal/rng params"},

	"inner/synthetic": {imports: "inner inner/data/opticks inner/nets inner/suite internal/kernel internal/matrix internal/rng params", tests: "inner/problemtest"},

	"learnedopt/rule":               {imports: "params"},
	"learnedopt/internal/hyper":     {imports: "internal/graph learnedopt/rule params"},
	"learnedopt/internal/recurrent": {imports: "internal/kernel learnedopt/internal/engine learnedopt/rule params"},
	"learnedopt/internal/engine":    {imports: "internal/brief internal/graph internal/kernel learnedopt/rule params", tests: "internal/rng"},
	"learnedopt/handmade":           {imports: "internal/brief internal/graph internal/kernel learnedopt/internal/engine learnedopt/internal/hyper learnedopt/rule params", tests: "internal/rng learnedopt learnedopt/ruletest"},
	"learnedopt/stepsize":           {imports: "internal/graph learnedopt/internal/hyper learnedopt/rule params", tests: "learnedopt learnedopt/ruletest"},
	"learnedopt/plastic":            {imports: "internal/brief internal/formula internal/graph internal/rng learnedopt/internal/hyper learnedopt/rule params", tests: "learnedopt learnedopt/ruletest"},
	"learnedopt/lstm":               {imports: "internal/graph internal/kernel internal/rng learnedopt/internal/engine learnedopt/internal/recurrent learnedopt/rule params", tests: "learnedopt learnedopt/ruletest"},
	"learnedopt/compose":            {imports: "internal/brief internal/config internal/graph internal/kernel internal/rng learnedopt/handmade learnedopt/internal/features learnedopt/internal/hyper learnedopt/rule params", tests: "learnedopt learnedopt/lstm learnedopt/mlp learnedopt/plastic learnedopt/ruletest"},
	"learnedopt": {
		imports: "checkpoints checkpoints/zoo internal/brief internal/config internal/graph internal/kernel learnedopt/celo learnedopt/compose learnedopt/handmade learnedopt/hierarchical learnedopt/internal/engine learnedopt/lstm learnedopt/mlp learnedopt/nnadam learnedopt/plastic learnedopt/rnnmlp learnedopt/rnnprop learnedopt/rule learnedopt/stepsize params",
		tests:   "internal/rng learnedopt/ruletest",
	},
	"learnedopt/internal/features": {imports: "internal/graph internal/rng learnedopt/rule params", tests: "internal/graph learnedopt/rule learnedopt/ruletest"},
	"learnedopt/mlp":               {imports: "internal/graph internal/kernel internal/rng learnedopt/internal/engine learnedopt/internal/features learnedopt/internal/hyper learnedopt/rule params", tests: "internal/rng learnedopt learnedopt/ruletest"},
	"learnedopt/rnnprop":           {imports: "internal/graph internal/kernel internal/rng learnedopt/internal/engine learnedopt/internal/features learnedopt/internal/hyper learnedopt/internal/recurrent learnedopt/rule params", tests: "internal/rng learnedopt learnedopt/lstm learnedopt/ruletest"},
	"learnedopt/celo":              {imports: "internal/graph internal/rng learnedopt/internal/features learnedopt/internal/hyper learnedopt/rule params", tests: "learnedopt learnedopt/ruletest"},
	"learnedopt/rnnmlp":            {imports: "internal/graph internal/rng learnedopt/internal/features learnedopt/internal/hyper learnedopt/rule params", tests: "learnedopt learnedopt/ruletest"},
	"learnedopt/hierarchical":      {imports: "internal/graph internal/rng learnedopt/internal/features learnedopt/internal/hyper learnedopt/rule params", tests: "learnedopt learnedopt/ruletest"},
	"learnedopt/nnadam":            {imports: "internal/graph internal/rng learnedopt/internal/features learnedopt/internal/hyper learnedopt/rule params", tests: "learnedopt learnedopt/ruletest"},
	"learnedopt/ruletest":          {imports: "learnedopt learnedopt/rule internal/graph internal/rng params", tests: "learnedopt/handmade"},

	"meta":               {imports: "checkpoints inner internal/brief internal/config internal/machine internal/rng learnedopt learnedopt/handmade params", tests: "inner/credit inner/mix inner/nets inner/plastic inner/problemtest internal/graph learnedopt/compose learnedopt/handmade learnedopt/lstm learnedopt/plastic learnedopt/rule learnedopt/ruletest learnedopt/stepsize meta/estimatortest"},
	"meta/search":        {imports: "checkpoints internal/brief internal/config internal/formula internal/machine internal/rng learnedopt learnedopt/plastic meta params", tests: "inner/plastic learnedopt meta/search/searchtest"},
	"meta/es":            {imports: "checkpoints inner internal/brief internal/config internal/machine internal/rng learnedopt meta params", tests: "inner/mix inner/plastic inner/problemtest learnedopt/handmade learnedopt/lstm learnedopt/mlp learnedopt/plastic meta/estimatortest"},
	"meta/distil":        {imports: "checkpoints inner internal/config internal/machine internal/rng learnedopt meta params", tests: "inner inner/catalog inner/synthetic learnedopt learnedopt/handmade learnedopt/mlp learnedopt/plastic meta meta/estimatortest params"},
	"meta/lab":           {imports: "checkpoints inner internal/brief internal/config internal/machine internal/rng learnedopt meta meta/es params", tests: "learnedopt/handmade learnedopt/lstm"},
	"meta/dist/queue":    {imports: "meta meta/dist", tests: "checkpoints inner internal/rng learnedopt learnedopt/lstm meta/es meta/estimatortest"},
	"meta/dist":          {imports: "checkpoints internal/rng meta meta/search params", tests: "inner learnedopt learnedopt/handmade learnedopt/lstm meta/es meta/estimatortest"},
	"meta/estimatortest": {imports: "checkpoints inner internal/rng learnedopt meta params", tests: "learnedopt/handmade"},
	"meta/eval":          {imports: "inner inner/credit inner/data internal/machine internal/rng learnedopt learnedopt/compose learnedopt/handmade learnedopt/plastic meta meta/eval/page params", tests: "inner/nets inner/problemtest learnedopt/lstm learnedopt/ruletest"},
	"meta/eval/suite":    {imports: "inner inner/suite internal/rng learnedopt meta meta/eval meta/eval/page", tests: "learnedopt/compose learnedopt/handmade"},

	"meta/eval/page": {},

	"meta/search/searchtest": {imports: "checkpoints internal/rng meta/search"},

	"meta/identify/classify": {imports: "internal/matrix internal/rng"},
	"meta/identify":          {imports: "checkpoints checkpoints/zoo inner inner/credit inner/data inner/nets internal/kernel internal/machine internal/rng learnedopt learnedopt/handmade meta meta/identify/classify params", tests: "inner/data/mnist learnedopt/rule"},

	"cmd/internal/cli":     {imports: "internal/atomicfile internal/build internal/machine internal/regular meta/eval/page"},
	"cmd/internal/clitest": {imports: "inner/data"},
	"cmd/internal/rundir":  {imports: "checkpoints internal/atomicfile internal/regular meta", tests: "cmd/internal/clitest"},
	"cmd/internal/live":    {imports: "meta"},

	"cmd/internal/tensorboard":           {tests: "cmd/internal/tensorboard/eventtest"},
	"cmd/internal/tensorboard/eventtest": {},

	"cmd/app/doctor": {
		imports: "checkpoints checkpoints/zoo cmd/internal/cli cmd/internal/rundir inner/data inner/data/fashion inner/data/mnist inner/data/opticks internal/build internal/machine learnedopt params",
		tests:   "cmd/internal/clitest",
	},
	"cmd/app/metatrain": {
		imports: "checkpoints checkpoints/zoo cmd/app/doctor cmd/internal/cli cmd/internal/live cmd/internal/rundir cmd/internal/tensorboard inner inner/catalog inner/credit inner/nets internal/atomicfile internal/brief internal/build internal/machine internal/regular internal/rng learnedopt learnedopt/handmade learnedopt/plastic meta meta/dist meta/dist/queue meta/distil meta/es meta/eval meta/search params",
		tests:   "cmd/internal/clitest cmd/internal/tensorboard/eventtest inner/plastic internal/atomicfile internal/kernel internal/regular learnedopt/mlp",
	},
	"cmd/app/compare": {
		imports: "checkpoints checkpoints/zoo cmd/internal/cli cmd/internal/live inner/catalog inner/credit inner/nets inner/suite internal/brief internal/config internal/regular learnedopt learnedopt/compose learnedopt/handmade meta meta/eval meta/eval/page meta/eval/suite",
		tests:   "cmd/internal/clitest learnedopt/lstm learnedopt/plastic",
	},
	"cmd/app/identify": {
		imports: "cmd/internal/cli checkpoints/zoo inner/catalog inner/credit inner/nets meta/identify",
		tests:   "cmd/internal/clitest checkpoints params",
	},
	"cmd/app/metagrad": {
		imports: "checkpoints/zoo cmd/internal/cli inner inner/catalog inner/credit internal/brief learnedopt meta meta/lab",
		tests:   "checkpoints cmd/internal/clitest params",
	},
	"cmd/app": {imports: "cmd/app/compare cmd/app/identify cmd/app/metagrad cmd/app/metatrain cmd/internal/cli", tests: "cmd/internal/clitest cmd/internal/rundir inner inner/catalog learnedopt"},

	"examples":         {tests: "inner/data/mnist inner/data/opticks inner/plastic inner/predictive meta/eval meta/identify meta/search"},
	"docs":             {tests: "cmd/app inner/credit/credittest inner/problemtest learnedopt/ruletest"},
	"internal/deps":    {},
	"deploy":           {tests: "cmd/app/metatrain"},
	"internal/mutants": {imports: "internal/rng"},

	"bench/chaos": {imports: "meta/dist/queue"},
	"bench/crash": {},
	"bench/peers": {},
	"bench/plastic": {
		imports: "inner inner/catalog inner/plastic internal/rng learnedopt learnedopt/handmade learnedopt/plastic meta meta/eval meta/search params",
	},
	"bench/scale": {imports: "internal/rng"},
	"bench/ours":  {imports: "checkpoints inner inner/credit inner/data inner/data/mnist inner/nets internal/rng learnedopt learnedopt/handmade learnedopt/lstm meta meta/es params"},
}

// command is the node of every program in a folder right below cmd: what it does is in cmd/app.
var command = node{imports: "cmd/app/compare cmd/app/identify cmd/app/metagrad cmd/app/metatrain"}

// example is the node of every program in a folder right below examples: it may use whatever is open to its reader.
var example = node{imports: "checkpoints inner inner/credit inner/data inner/data/mnist inner/data/opticks inner/nets inner/plastic inner/predictive learnedopt learnedopt/handmade learnedopt/plastic learnedopt/rnnprop meta meta/eval meta/identify meta/search params"}

// conformance packages are for tests, and may import what tests may.
var conformance = []string{"inner/problemtest", "inner/credit/credittest", "learnedopt/ruletest", "meta/estimatortest", "meta/search/searchtest", "cmd/internal/clitest", "cmd/internal/tensorboard/eventtest"}

// exclusive lists imports that belong to a few packages. An import stands for all packages below it too, but a longer
// one takes precedence.
var exclusive = map[string]struct {
	only  string // these packages and those below them, their tests included
	tests bool   // and anybody's tests
}{
	// What is differentiated is written where problems and rules are; everybody else sees slices.
	"gorgonia.org":          {only: "internal/graph inner learnedopt"},
	"github.com/chewxy/hm":  {only: "internal/graph"},
	"unsafe":                {only: "internal/graph internal/kernel internal/machine"},
	"golang.org/x/sys":      {only: "internal/kernel internal/machine"},
	"gonum.org/v1/plot":     {only: "meta/eval meta/identify meta/lab"},
	"gonum.org/v1/gonum":    {only: "inner internal/matrix learnedopt", tests: true},
	"golang.org/x/sync":     {only: "meta"},
	"golang.org/x/term":     {only: "cmd/internal/cli"},
	"go.uber.org/goleak":    {tests: true},
	"github.com/chromedp":   {tests: true},
	"pgregory.net/rapid":    {tests: true},
	"testing":               {tests: true},
	"github.com/stretchr":   {tests: true},
	"github.com/alecthomas": {only: "cmd/internal/cli"},
	"go.yaml.in":            {only: "cmd/internal/cli deploy inner/catalog"},
	"github.com/nats-io":    {only: "meta/dist/queue"}, // nothing else opens a socket
	"github.com/vbauerster": {only: "cmd/internal/cli"},

	// A file format has one place.
	"github.com/nlpodyssey/safetensors": {only: "checkpoints"},
	"github.com/gofrs/flock":            {only: "cmd/internal/rundir"},

	// The core is pure: files, clocks, signals and logs are the shell's. Data sets and checkpoints are files; eval times
	// steps.
	"os":            {only: "checkpoints cmd inner/data internal/atomicfile internal/machine internal/regular", tests: true},
	"os/exec":       {tests: true},
	"os/signal":     {only: "cmd/internal/cli", tests: true},
	"io/ioutil":     {},
	"syscall":       {only: "cmd/internal/cli cmd/internal/rundir internal/atomicfile internal/regular", tests: true},
	"embed":         {only: "checkpoints cmd inner/catalog inner/data meta/eval/page"},
	"time":          {only: "cmd meta/dist/queue meta/eval meta/lab", tests: true},
	"net":           {only: "cmd/app/metatrain cmd/internal/live meta/dist/queue", tests: true},
	"log":           {only: "cmd", tests: true},
	"flag":          {tests: true},
	"path":          {only: "cmd internal/machine", tests: true},
	"path/filepath": {only: "cmd inner/data internal/atomicfile", tests: true},

	// Randomness is a value.
	"math/rand":   {only: "internal/rng"},
	"crypto/rand": {only: "meta/dist/queue", tests: true}, // tokens, and names that nobody else has
}

// A source is a folder's imports.
type source struct{ code, tests map[string]bool }

// sources parses every Go file of the module, whatever platform or tag it is for.
func sources(t *testing.T) map[string]*source {
	root := filepath.Join("..", "..")
	found := make(map[string]*source)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			// Those that the go command skips, and modules of their own.
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			if file != root && (name == "testdata" || name == "vendor" || strings.ContainsAny(name[:1], "._") || err == nil) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.ContainsAny(name[:1], "._") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(rel)
		if found[folder] == nil {
			found[folder] = &source{map[string]bool{}, map[string]bool{}}
		}
		imports := found[folder].code
		if strings.HasSuffix(name, "_test.go") {
			imports = found[folder].tests
		}
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[p] = true
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

// nodeOf finds a package's line.
func nodeOf(folder string) (node, bool) {
	n, ok := lattice[folder]
	switch {
	case ok:
	case path.Dir(folder) == "cmd":
		return command, true
	case path.Dir(folder) == "examples":
		return example, true
	}
	return n, ok
}

// ours returns the folder of a package of this module.
func ours(p string) (folder string, ok bool) { return strings.CutPrefix(p, module+"/") }

func TestLattice(t *testing.T) {
	found := sources(t)
	for _, folder := range slices.Sorted(maps.Keys(found)) {
		n, ok := nodeOf(folder)
		if !ok {
			t.Errorf("package %s is not in the lattice: give it a line", folder)
			continue
		}
		code := strings.Fields(n.imports)
		tests := append(append(strings.Fields(n.tests), folder), code...)
		for _, x := range []struct {
			what    string
			imports map[string]bool
			may     []string
		}{{"package", found[folder].code, code}, {"the tests of", found[folder].tests, tests}} {
			for _, p := range slices.Sorted(maps.Keys(x.imports)) {
				if p, ok := ours(p); ok && !slices.Contains(x.may, p) {
					t.Errorf("%s %s may not import %s", x.what, folder, p)
				}
			}
		}
	}
}

// The table tells nothing that is not so: every package in it exists, and every arrow of code is in use.
func TestLatticeIsNotStale(t *testing.T) {
	found := sources(t)
	for folder, n := range lattice {
		s := found[folder]
		if s == nil {
			t.Errorf("there is no package %s", folder)
			continue
		}
		for _, p := range strings.Fields(n.imports) {
			if !s.code[module+"/"+p] && !s.tests[module+"/"+p] {
				t.Errorf("package %s need not be allowed to import %s", folder, p)
			}
		}
	}
}

func TestExclusiveImports(t *testing.T) {
	found := sources(t)
	for _, folder := range slices.Sorted(maps.Keys(found)) {
		if path.Dir(folder) == "bench" || path.Dir(folder) == "examples" || folder == "internal/mutants" {
			continue // a program that measures, or shows how to use it, is not part of the house
		}
		for p := range found[folder].code {
			if !mayImport(folder, p, slices.Contains(conformance, folder)) {
				t.Errorf("package %s may not import %q", folder, p)
			}
		}
		for p := range found[folder].tests {
			if !mayImport(folder, p, true) {
				t.Errorf("the tests of %s may not import %q", folder, p)
			}
		}
	}
}

// mayImport applies exclusive.
func mayImport(folder, p string, test bool) bool {
	longest := ""
	for prefix := range exclusive {
		if within(p, prefix) && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	if longest == "" {
		return true
	}
	x := exclusive[longest]
	return test && x.tests || slices.ContainsFunc(strings.Fields(x.only), func(only string) bool { return within(folder, only) })
}

// within reports whether p is dir or below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// Whoever uses a rule, a problem or an estimator does not carry the 11.6 MB of MNIST; whoever uses a rule carries no
// problem, and the other way round.
func TestWhatAPackageCarries(t *testing.T) {
	found := sources(t)
	for _, tt := range []struct{ folder, never string }{
		{"inner", "learnedopt learnedopt/ruletest meta inner/data/mnist inner/catalog"},
		{"inner/catalog", "learnedopt meta"},
		{"inner/predictive", "learnedopt meta inner/data/mnist inner/catalog"},
		{"learnedopt", "inner inner/data inner/data/mnist meta"},
		{"meta", "inner/data/mnist inner/catalog"},
		{"meta/eval", "inner/data/mnist inner/catalog"},
		{"meta/identify", "inner/data/mnist inner/catalog"},
		{"checkpoints", "internal/graph internal/rng"},
	} {
		carried := make(map[string]bool)
		var visit func(folder string)
		visit = func(folder string) {
			for p := range found[folder].code {
				if p, ok := ours(p); ok && !carried[p] {
					carried[p] = true
					visit(p)
				}
			}
		}
		visit(tt.folder)
		for _, p := range strings.Fields(tt.never) {
			require.False(t, carried[p], "%s carries %s", tt.folder, p)
		}
	}
}
