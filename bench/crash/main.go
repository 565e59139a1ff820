//go:build linux

// Command crash kills metatrain at exact system calls, lets exact system calls fail, and starts it twice at once. After
// each it goes on as a user would, by --resume if there is a checkpoint and else by the same command again, and compares
// every bit of the folder with that of a run that nobody disturbed. It is for Linux, and needs strace.
//
//	go run ./bench/crash                       300 kills, 150 errors, 50 races
//	go run ./bench/crash -bin some/metatrain   of a program built elsewhere
//
// It prints a table, and on stderr each case in which something was lost, with what it takes to see it again. Its exit
// status is 1 if there is one.
package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

func main() {
	bin := flag.String("bin", "", "the metatrain to try; built from here if empty")
	kills := flag.Int("kills", 300, "how many processes to kill")
	errors := flag.Int("errors", 150, "how many errors to inject")
	races := flag.Int("races", 50, "how often to start two at once")
	flag.Parse()
	broken, err := try(*bin, *kills, *errors, *races)
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
	}
	if err != nil || broken > 0 {
		os.Exit(1)
	}
}

// try does all of it and prints the table. It returns the number of cases in which something was lost.
func try(bin string, kills, errors, races int) (broken int, err error) {
	work, err := os.MkdirTemp("", "crash")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	if bin == "" {
		bin = filepath.Join(work, "metatrain")
		if out, err := exec.Command("go", "build", "-o", bin, "./cmd/metatrain").CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%w: %s", err, out)
		}
	}
	l, err := newLab(bin, work)
	if err != nil {
		return 0, err
	}
	killed, err := l.inject(killSites(l), kills)
	if err != nil {
		return 0, err
	}
	failed, err := l.inject(errorSites(l), errors)
	if err != nil {
		return 0, err
	}
	raced, err := l.race(races)
	if err != nil {
		return 0, err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\ton\tcases\tunharmed\tresumed\tstarted again\tbroken")
	for _, t := range []struct {
		what  string
		tally map[string]*tally
	}{{"killed at", killed}, {"error from", failed}, {"two at once", raced}} {
		total := &tally{}
		for _, on := range slices.Sorted(maps.Keys(t.tally)) {
			n := t.tally[on]
			n.print(w, t.what, on)
			total.add(n)
		}
		total.print(w, t.what, "all")
		broken += total.broken
	}
	return broken, w.Flush()
}

// A tally counts how cases ended.
type tally struct{ unharmed, resumed, again, broken int }

func (t *tally) add(u *tally) {
	t.unharmed, t.resumed, t.again, t.broken = t.unharmed+u.unharmed, t.resumed+u.resumed, t.again+u.again, t.broken+u.broken
}

func (t *tally) cases() int { return t.unharmed + t.resumed + t.again + t.broken }

func (t *tally) print(w *tabwriter.Writer, what, on string) {
	fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", what, on, t.cases(), t.unharmed, t.resumed, t.again, t.broken)
}

// A lab is where runs are disturbed.
type lab struct {
	bin, work string
	old       string // folder of a run to go on from
	scenarios []scenario
	dirs      int
}

// A scenario is a way to come to the files of a run.
type scenario struct {
	name    string
	prepare func(dir string) error
	args    func(dir string) []string
	want    map[string]string // the folder's files in the end
	calls   map[string]int    // how often each system call is made on them, at most in one thread
	again   func(dir string) []string
}

// quick are the flags of a run that takes no time.
var quick = []string{
	"--problem", "quadratic", "--rule-config", `{"hidden":4,"layers":1}`, "--horizon", "4", "--window", "3", "--copies", "1", "--every", "2",
}

const episodes = "5"

func newLab(bin, work string) (*lab, error) {
	l := &lab{bin: bin, work: work, old: filepath.Join(work, "old")}
	if out, err := l.metatrain(slices.Concat(quick, []string{"--episodes", "3", "--out", l.old})); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	resume := func(dir string) []string { return []string{"--resume", dir, "--episodes", episodes} }
	nothing := func(string) error { return nil }
	l.scenarios = []scenario{
		{name: "start", prepare: nothing, args: func(dir string) []string {
			return slices.Concat(quick, []string{"--episodes", episodes, "--out", dir})
		}},
		{name: "resume", args: resume, prepare: func(dir string) error { return os.CopyFS(dir, os.DirFS(l.old)) }},
		{name: "resume elsewhere", prepare: nothing, args: func(dir string) []string {
			return []string{"--resume", l.old, "--out", dir, "--episodes", episodes}
		}},
	}
	for i := range l.scenarios {
		s := &l.scenarios[i]
		s.again = resume
		dir := l.dir()
		if err := s.prepare(dir); err != nil {
			return nil, err
		}
		trace, out, err := l.strace(dir, "trace="+strings.Join(calls, ","), s.args(dir))
		if err != nil {
			return nil, fmt.Errorf("%s, undisturbed: %w: %s", s.name, err, out)
		}
		if s.want, err = files(dir); err != nil {
			return nil, err
		}
		s.calls = count(trace)
		if i > 0 && !maps.Equal(s.want, l.scenarios[0].want) {
			return nil, fmt.Errorf("%s, undisturbed: the files are not those of the first scenario", s.name)
		}
	}
	return l, nil
}

// dir names a folder that is not there yet.
func (l *lab) dir() string {
	l.dirs++
	return filepath.Join(l.work, fmt.Sprintf("run%d", l.dirs))
}

func (l *lab) metatrain(args []string) ([]byte, error) {
	return exec.Command(l.bin, append(args, "--progress", "off")...).CombinedOutput()
}

// files returns the content of all files of a folder.
func files(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := make(map[string]string)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found[e.Name()] = string(text)
	}
	return found, nil
}

// shuffled returns the sites in an order that is always the same.
func shuffled(sites []site) []site {
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	return sites
}
