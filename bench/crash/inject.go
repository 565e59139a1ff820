//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// calls are the system calls that do something to files, or ask about them.
var calls = []string{
	"openat", "read", "pread64", "write", "pwrite64", "ftruncate", "fsync", "close", "renameat", "unlinkat", "mkdirat", "flock", "fchmod",
	"newfstatat", "fstat", "getdents64",
}

// faults are the errors that each may plausibly come back with.
var faults = map[string][]string{
	"openat": {"ENOSPC", "EMFILE", "EACCES"}, "read": {"EIO"}, "pread64": {"EIO"}, "write": {"ENOSPC", "EIO", "EDQUOT"}, "pwrite64": {"ENOSPC", "EIO"},
	"ftruncate": {"EIO"}, "fsync": {"EIO", "ENOSPC"}, "close": {"EIO"}, "renameat": {"EIO", "ENOSPC"}, "unlinkat": {"EIO"}, "mkdirat": {"ENOSPC"},
	"flock": {"ENOLCK"}, "fchmod": {"EIO"}, "newfstatat": {"EIO"}, "fstat": {"EIO"}, "getdents64": {"EIO"},
}

// A site is one moment in a run at which something happens to it.
type site struct {
	scenario *scenario
	call     string
	what     string // in strace's words
}

func killSites(l *lab) []site {
	var sites []site
	for i := range l.scenarios {
		s := &l.scenarios[i]
		for _, call := range slices.Sorted(maps.Keys(s.calls)) {
			for k := 1; k <= s.calls[call]; k++ {
				// The error keeps the call from happening at all, so that the moment is exact: before it and after all others.
				sites = append(sites, site{s, call, fmt.Sprintf("%s:error=EIO:signal=KILL:when=%d", call, k)})
			}
		}
	}
	return shuffled(sites)
}

func errorSites(l *lab) []site {
	var sites []site
	for i := range l.scenarios {
		s := &l.scenarios[i]
		for _, call := range slices.Sorted(maps.Keys(s.calls)) {
			for k := 1; k <= s.calls[call]; k++ {
				for _, fault := range faults[call] {
					for _, ever := range []string{"", "+"} { // once, or from then on
						sites = append(sites, site{s, call, fmt.Sprintf("%s:error=%s:when=%d%s", call, fault, k, ever)})
					}
				}
			}
		}
	}
	return shuffled(sites)
}

// inject makes things happen at the sites, one in a run, until they have happened so often, or there are no more.
func (l *lab) inject(sites []site, often int) (map[string]*tally, error) {
	tallies := make(map[string]*tally)
	for _, s := range sites {
		if often == 0 {
			return tallies, nil
		}
		dir := l.dir()
		if err := s.scenario.prepare(dir); err != nil {
			return nil, err
		}
		trace, out, err := l.strace(dir, "inject="+s.what, s.scenario.args(dir))
		if !strings.Contains(trace, "(INJECTED)") && !strings.Contains(trace, "+++ killed by SIGKILL") {
			continue // this time there were not so many calls in one thread
		}
		often--
		t := tallies[s.call]
		if t == nil {
			t = &tally{}
			tallies[s.call] = t
		}
		left, _ := files(dir)
		killed := strings.Contains(s.what, "KILL")
		if !errors.Is(err, errHangs) {
			err = l.mend(s.scenario, dir, out, err != nil, killed, t)
		}
		if err != nil {
			t.broken++
			fmt.Fprintf(os.Stderr, "%s, %s: %v\n\tit left: %v\n\tit said: %s\n", s.scenario.name, s.what, err, slices.Sorted(maps.Keys(left)), out)
		}
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(os.Stderr, "%d more cases were wanted, but there are no more places\n", often)
	return tallies, nil
}

// mend goes on with a run as its user would, and says what is lost.
func (l *lab) mend(s *scenario, dir string, out []byte, failed, killed bool, t *tally) error {
	how := &t.unharmed
	switch {
	case !failed:
	case !killed && !oneLine(out):
		return fmt.Errorf("want one line of at most 300 bytes")
	default:
		args := s.args(dir)
		how = &t.again
		if _, err := os.Stat(filepath.Join(dir, "train.safetensors")); err == nil {
			args, how = s.again(dir), &t.resumed
		}
		if out, err := l.metatrain(args); err != nil {
			return fmt.Errorf("going on by %q: %w: %s", args, err, out)
		}
	}
	got, err := files(dir)
	if err != nil {
		return err
	}
	if !maps.Equal(got, s.want) {
		return fmt.Errorf("the files differ: %s", difference(got, s.want))
	}
	*how++
	return nil
}

// difference names the files that differ.
func difference(got, want map[string]string) string {
	var names []string
	for name := range want {
		if got[name] != want[name] {
			names = append(names, fmt.Sprintf("%s (%d bytes, want %d)", name, len(got[name]), len(want[name])))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name+" (should not be there)")
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func oneLine(out []byte) bool {
	text := string(out)
	return len(text) > 0 && len(text) <= 300 && strings.Index(text, "\n") == len(text)-1
}

// strace runs metatrain under strace, which sees the calls on the files of a run and no others.
func (l *lab) strace(dir, what string, args []string) (trace string, out []byte, err error) {
	log := filepath.Join(l.work, "strace")
	command := []string{"-f", "-o", log, "-e", what}
	for _, d := range []string{dir, l.old} {
		command = append(command, "-P", d)
		for _, name := range []string{"run.lock", "log.jsonl", "train.safetensors", "optimizer.safetensors", ".unroll-0.tmp"} {
			command = append(command, "-P", filepath.Join(d, name))
		}
	}
	command = append(append(command, "--", l.bin), append(args, "--progress", "off")...)
	out, err = run(exec.Command("strace", command...))
	text, readErr := os.ReadFile(log)
	if readErr != nil {
		return "", nil, readErr
	}
	return string(text), out, err
}

// run returns what a command says on stderr. It kills one that hangs, with all that it has started.
func run(c *exec.Cmd) ([]byte, error) {
	var stderr strings.Builder
	c.Stderr = &stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return nil, err
	}
	hangs := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	err := c.Wait()
	if !hangs.Stop() {
		err = errors.Join(errHangs, err)
	}
	return []byte(stderr.String()), err
}

var errHangs = errors.New("nothing happened for a minute")

var call = regexp.MustCompile(`(?m)^(\d+) +(\w+)\(`)

// count returns how often each system call was made, at most in one thread: strace counts in each anew.
func count(trace string) map[string]int {
	threads := make(map[[2]string]int)
	most := make(map[string]int)
	for _, m := range call.FindAllStringSubmatch(trace, -1) {
		thread := [2]string{m[1], m[2]}
		threads[thread]++
		most[m[2]] = max(most[m[2]], threads[thread])
	}
	return most
}
