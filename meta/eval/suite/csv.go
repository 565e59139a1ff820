package suite

import (
	"io"

	"github.com/seed1498fded/unroll/meta/eval"
)

// WriteCSV writes the smoothed losses of all problems as CSV, a row a point: problem, optimizer, step, seconds, smoothed_loss. The
// seconds are what so many steps take one run by itself. A loss that is not finite is empty.
func (r *Report) WriteCSV(w io.Writer) error {
	rows := [][]any{{"problem", "optimizer", "step", "seconds", "smoothed_loss"}}
	for _, p := range r.Problems {
		for _, x := range p.Results {
			for i, step := range x.Curve.Steps {
				rows = append(rows, []any{p.Name, x.Name, step, float64(step) * x.USPerStep / 1e6, float64(x.Curve.Loss[i])})
			}
		}
	}
	return eval.WriteRows(w, rows)
}
