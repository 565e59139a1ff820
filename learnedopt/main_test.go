package learnedopt_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No test leaves a goroutine behind: neither the blocks of a step nor gonum's protocol.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
