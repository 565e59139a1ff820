// Package machine tells whether something fits the machine, before it is made. Go has no way back from an allocation that is
// too large: the program dies with a stack trace, or the machine is brought to its knees first.
package machine

import (
	"fmt"
	"math"
	"reflect"
	"sync"
)

// unknown stands for the memory of machines that do not tell.
const unknown = 64 << 30

// Memory returns how many bytes of memory the machine has, or the program may use of it where the system sets a limit.
func Memory() uint64 { return known() }

var known = sync.OnceValue(func() uint64 {
	n := total()
	if n == 0 {
		n = unknown
	}
	return min(n, math.MaxInt) // what a program of 32 bits can address
})

// Size returns the bytes of a value of type T.
func Size[T any]() float64 { return float64(reflect.TypeFor[T]().Size()) }

// A MemoryError says that something needs more memory than there is.
type MemoryError struct {
	Need  float64 // bytes
	Total uint64  // bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("this would need about %s of memory; this machine has %s", size(e.Need), size(float64(e.Total)))
}

// Fits returns an *[MemoryError] if need bytes are more than the machine's memory. Estimates are floating-point numbers because
// those that matter are products that may overflow every other type.
func Fits(need float64) error {
	if t := Memory(); !(need <= float64(t)) {
		return &MemoryError{Need: need, Total: t}
	}
	return nil
}

// size words a number of bytes.
func size(n float64) string {
	for _, unit := range []string{"bytes", "kB", "MB", "GB", "TB", "PB"} {
		if n < 999.5 {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.3g EB", n)
}
