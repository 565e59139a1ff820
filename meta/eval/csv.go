package eval

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
)

// WriteCSV writes the curves as CSV, a row a point. By steps the columns are problem, credit, optimizer, step, seconds, mean_loss and
// stderr; the loss of step t is the one before its update, and the seconds are what the t updates up to it take one run by itself. By
// epochs, the first of which is 1, they are problem, credit, optimizer, epoch, seconds, mean_loss, stderr, test_error and
// test_error_stderr. What is not finite is empty.
func (r *Report) WriteCSV(w io.Writer) error {
	head := []any{"problem", "credit", "optimizer", "step", "seconds", "mean_loss", "stderr"}
	if r.Network != nil {
		head[3] = "epoch"
		head = append(head, "test_error", "test_error_stderr")
	}
	rows := [][]any{head}
	for _, x := range r.Results {
		for i := range x.Curve {
			at := i
			if r.Network != nil {
				at++
			}
			row := []any{
				cmp.Or(x.Problem, r.Problem), x.Credit, x.Name, at, r.seconds(x, float64(at)), float64(x.Curve[i]), float64(x.CurveErr[i]),
			}
			if r.Network != nil {
				row = append(row, float64(x.TestError[i]), float64(x.TestErrorErr[i]))
			}
			rows = append(rows, row)
		}
	}
	return WriteRows(w, rows)
}

// seconds returns how long a result's optimizer takes for so many steps, or epochs.
func (r *Report) seconds(x Result, at float64) float64 {
	if r.Network != nil {
		return at * x.Seconds / float64(r.Epochs)
	}
	return at * x.USPerStep / 1e6
}

// WriteRows writes rows of texts and numbers as CSV; a float64 that is not finite is an empty cell.
func WriteRows(w io.Writer, rows [][]any) error {
	c := csv.NewWriter(w)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, v := range row {
			if x, ok := v.(float64); !ok || !infinite(x) {
				cells[i] = fmt.Sprint(v)
			}
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
