package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A runner tries mutants on the tests. The tree stays as it is: the go command is told to read one file from elsewhere.
type runner struct {
	module *module
	tags   string
	work   string                   // a folder for whatever one trial needs
	others []string                 // the packages whose tests may be asked too, if they import a mutant's
	took   map[string]time.Duration // of the tests of each package that have passed, unchanged
}

// An outcome is what became of a mutant.
type outcome int

const (
	broken   outcome = iota // does not compile
	caught                  // a test fails or hangs
	survived                // no test does
)

// errNotPassing is the state of a tree that mutants can't be tried on.
var errNotPassing = errors.New("the tests fail without any change")

// try runs the tests of a mutant's package, and then, where they pass, those of the packages that import it.
func (r *runner) try(ctx context.Context, folder string, m mutant) (outcome, error) {
	for i, f := range append([]string{folder}, r.module.importers(folder, r.others)...) {
		limit, err := r.limit(ctx, f)
		if err != nil {
			return broken, err
		}
		o, err := r.test(ctx, f, &m, limit)
		switch {
		case err != nil || i == 0 && o == broken:
			return o, err
		case o != survived:
			return caught, nil // an importer that no longer compiles has noticed too
		}
	}
	return survived, nil
}

// limit returns how long the tests of a package may take, five times what they take unchanged and half a minute: a mutant
// that takes longer hangs.
func (r *runner) limit(ctx context.Context, folder string) (time.Duration, error) {
	if _, ok := r.took[folder]; !ok {
		start := time.Now()
		o, err := r.test(ctx, folder, nil, 10*time.Minute)
		if err != nil {
			return 0, err
		}
		if o != survived {
			return 0, fmt.Errorf("%s: %w", folder, errNotPassing)
		}
		r.took[folder] = time.Since(start)
	}
	return 5*r.took[folder] + 30*time.Second, nil
}

// test builds the tests of a package and runs them, with a mutant or, if it is nil, without.
func (r *runner) test(ctx context.Context, folder string, m *mutant, limit time.Duration) (outcome, error) {
	if err := os.RemoveAll(r.work); err != nil {
		return broken, err
	}
	temporary := filepath.Join(r.work, "tmp")
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return broken, err
	}
	binary := filepath.Join(r.work, "tests")
	build := []string{"test", "-c", "-o", binary, "-tags", r.tags}
	if m != nil {
		overlay, err := r.overlay(*m)
		if err != nil {
			return broken, err
		}
		build = append(build, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(build, "./"+folder)...)
	cmd.Dir = r.module.root
	if err := cmd.Run(); err != nil {
		return broken, ctx.Err()
	}
	if _, err := os.Stat(binary); err != nil {
		return survived, nil // a package without tests
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd = confined(limited, binary, "-test.failfast", "-test.timeout=0")
	cmd.Dir = filepath.Join(r.module.root, filepath.FromSlash(folder))
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	if m == nil {
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // what fails without a change is of interest
	}
	if err := cmd.Run(); err != nil {
		return caught, ctx.Err()
	}
	return survived, nil
}

// overlay writes the changed file and the go command's list of such files, and returns the name of that.
func (r *runner) overlay(m mutant) (string, error) {
	changed := filepath.Join(r.work, "changed.go")
	text, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(r.module.root, filepath.FromSlash(m.file)): changed},
	})
	if err != nil {
		return "", err
	}
	name := filepath.Join(r.work, "overlay.json")
	return name, errors.Join(os.WriteFile(changed, m.apply(), 0o644), os.WriteFile(name, text, 0o644))
}
