package compare

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// TestSplits shows that rates are tuned on the images for meta-training and results measured on those set apart for that,
// and that training for epochs is on all training images and measured on the test images.
func TestSplits(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteSplitImages(t, "images")
	steady := &handmade.SGD{LR: 0.5}
	require.NoError(t, (&learnedopt.Trained{Rule: steady, Phi: learnedopt.Phi(steady, 1)}).Save("steady.safetensors"))
	for _, credit := range [][]string{nil, {"--credit", "backprop"}} {
		args := []string{"--problem", "logistic8", "--data", "images", "--optimizer", "steady.safetensors,sgd", "--steps", "60", "--runs", "4", "--tune-runs", "2", "--json", "r.json"}
		clitest.MustRun(t, Run, append(args, credit...)...)
		x := readReport(t, "r.json").Results
		require.InDelta(t, 0.72, *x[0].Final.Mean, 0.1, "two labels, each as often")
		require.Equal(t, 10., x[1].Hyper["lr"], "with a single label there is no rate that is too high")
	}

	clitest.MustRun(t, Run, "--problem", "logistic8", "--data", "images", "--credit", "backprop", "--optimizer", "sgd", "--epochs", "50",
		"--batch", "20", "--lr", "0.3", "--json", "r.json")
	text, err := os.ReadFile("r.json")
	require.NoError(t, err)
	var r struct {
		Train   int `json:"train_images"`
		Test    int `json:"test_images"`
		Results []struct {
			TestError []float64 `json:"test_error"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &r))
	require.Equal(t, []int{120, 12}, []int{r.Train, r.Test})
	require.Equal(t, 1., r.Results[0].TestError[49])
}
