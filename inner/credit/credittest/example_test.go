package credittest_test

import (
	"testing"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/credit/credittest"
)

// The test of a credit rule of one's own.
func ExampleRun() {
	_ = func(t *testing.T) { // TestMine
		credittest.Run(t, credit.FeedbackAlignmentOf[float64]{}, credittest.Options{})
		credittest.Run(t, credit.FeedbackAlignmentOf[float32]{}, credittest.Options{})
	}
}
