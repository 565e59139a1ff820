package meta_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
)

// Nobody need observe a run; and who does is told the same beside a nil one.
func TestNilObservers(t *testing.T) {
	counts := func(observe meta.Observer) meta.Status {
		r := new(handmade.SGD)
		e := &scripted{r.Spec().Phi, [][]float32{{0.5}}, []float64{2}, 0}
		tr, err := newTraining(setup{Rule: r, Estimator: e, Every: 2, Validate: constantScore})
		require.NoError(t, err)
		require.NoError(t, tr.Run(context.Background(), after(3), observe))
		require.NoError(t, tr.Finish(context.Background(), observe))
		return tr.Status()
	}
	told := 0
	count := func(meta.Event) error { told++; return nil }
	want := counts(meta.Observers(nil, count, nil))
	require.Equal(t, 3, want.OuterSteps)
	require.Equal(t, 6, told, "three steps, and validations before them, after the second and at the end")
	require.Equal(t, want, counts(nil))
}
