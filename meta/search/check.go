package search

import (
	"cmp"
	"fmt"
)

// checked returns the first thing that is wrong with a method's settings: an error is one line.
func checked(name string, errs ...error) error {
	if err := cmp.Or(errs...); err != nil {
		return fmt.Errorf("search: %s: %w", name, err)
	}
	return nil
}

// atLeast reports a count below the least.
func atLeast(name string, n, least int) error {
	if n < least {
		return fmt.Errorf("%s is %d; want %d or more", name, n, least)
	}
	return nil
}

// between reports a number that is not above lo, or is above hi.
func between(name string, x, lo, hi float64) error {
	if !(x > lo && x <= hi) {
		return fmt.Errorf("%s is %v; want above %v, and at most %v", name, x, lo, hi)
	}
	return nil
}
