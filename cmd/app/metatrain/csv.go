package metatrain

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/internal/atomicfile"
	"github.com/seed1498fded/unroll/internal/regular"
)

// columns are those of the log as CSV: the members of meta.Record by their names in JSON, in its order.
var columns = []string{"episodes", "outer_steps", "train_loss", "valid_loss", "best_loss", "best", "diverged", "skipped"}

// maxLog is more than the log of any run has.
const maxLog = 1 << 30

// writeCSV copies the log of the whole run, also of what was before it was resumed, to a file, if it is to be.
func (s *session) writeCSV() error {
	if s.csv == "" {
		return nil
	}
	path := filepath.Join(s.dir, rundir.Log)
	text, err := regular.ReadFile(path, maxLog)
	if err != nil {
		return fmt.Errorf("--csv: %s: %w", path, cli.Reason(err))
	}
	if text, err = logCSV(text); err == nil {
		err = atomicfile.WriteFile(s.csv, text)
	}
	if err != nil {
		return fmt.Errorf("--csv: %w", err)
	}
	return nil
}

// logCSV has a row for each line of a log. What is null there is empty here.
func logCSV(log []byte) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(columns); err != nil {
		return nil, err
	}
	for line := range bytes.Lines(log) {
		var r map[string]json.RawMessage
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("a line of the log is not JSON: %w", err)
		}
		row := make([]string, len(columns))
		for i, name := range columns {
			if v := string(r[name]); v != "null" {
				row[i] = v
			}
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
