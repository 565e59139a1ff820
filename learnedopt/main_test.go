package learnedopt_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/params"
)

// No test leaves a goroutine behind: neither the blocks of a step nor gonum's protocol.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func vector(n int) params.Layout { return params.Layout{{Name: "theta", Shape: []int{n}}} }
