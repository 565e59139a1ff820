//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// race starts a run twice at once, or goes on with it twice at once, so many times in all.
func (l *lab) race(times int) (map[string]*tally, error) {
	long := []string{"--episodes", "400"}
	began := l.dir()
	if out, err := l.metatrain(slices.Concat(quick, []string{"--episodes", "2", "--out", began})); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	whole := l.dir()
	if out, err := l.metatrain(slices.Concat(quick, long, []string{"--out", whole})); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	want, err := files(whole)
	if err != nil {
		return nil, err
	}
	tallies := map[string]*tally{"start": {}, "resume": {}}
	for i := range times {
		dir := l.dir()
		name, args := "start", slices.Concat(quick, long, []string{"--out", dir})
		if i%2 == 1 {
			name, args = "resume", slices.Concat([]string{"--resume", dir}, long)
			if err := os.CopyFS(dir, os.DirFS(began)); err != nil {
				return nil, err
			}
		}
		if err := l.twice(dir, args, want); err != nil {
			tallies[name].broken++
			fmt.Fprintf(os.Stderr, "two at once, %s: %v\n", name, err)
		} else {
			tallies[name].unharmed++
		}
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	return tallies, nil
}

// twice runs metatrain twice at once. One is to be refused in one line, and the other not to notice.
func (l *lab) twice(dir string, args []string, want map[string]string) error {
	args = append(args, "--progress", "off")
	type end struct {
		out []byte
		err error
	}
	ends := make(chan end, 2)
	for range 2 {
		c := exec.Command(l.bin, args...)
		go func() {
			out, err := run(c)
			ends <- end{out, err}
		}()
	}
	var refused []end
	for range 2 {
		if e := <-ends; e.err != nil {
			refused = append(refused, e)
		}
	}
	if len(refused) != 1 {
		return fmt.Errorf("%d were refused, want 1", len(refused))
	}
	if out := refused[0].out; !oneLine(out) || !strings.Contains(string(out), "is running in it") {
		return fmt.Errorf("the one refused said %q", out)
	}
	got, err := files(dir)
	if err != nil {
		return err
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("the files differ: %s", difference(got, want))
	}
	return nil
}
