// Package tables is three small data sets from medicine and chemistry, embedded, 140 kB: breast cancer (569 tumors, 30 features,
// benign or not), wine (178 wines, 13 features, 3 cultivators) and diabetes (442 patients, 10 features, the disease's progression
// in a year). README.md beside this file says where they come from and gives their sums.
//
// No rule of this module is learned on them.
package tables

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/seed1498fded/unroll/internal/rng"
)

//go:embed *.csv *.csv.gz
var files embed.FS

// A Table is a list of examples, a row each: features, and what is to be told from them.
type Table struct {
	Features int       // of an example
	X        []float64 // row by row, [Len, Features]
	Y        []float64 // of each example its class, 0 .. Classes-1, or the number to be told
	Classes  int       // 0 where Y is a number
}

// Len returns the number of examples.
func (t *Table) Len() int { return len(t.Y) }

// Row returns the features of the i-th example, sharing t's memory.
func (t *Table) Row(i int) []float64 { return t.X[i*t.Features : (i+1)*t.Features : (i+1)*t.Features] }

// slice returns the examples from, ..., to-1, sharing t's memory.
func (t *Table) slice(from, to int) *Table {
	return &Table{Features: t.Features, Classes: t.Classes, X: t.X[from*t.Features : to*t.Features], Y: t.Y[from:to]}
}

// A source is one of the three.
type source struct {
	x, y     string // files; without y the last column of x is it
	header   int    // lines to skip
	comma    string // between columns; any space if empty
	classes  int
	features int
}

var (
	breastCancer = loader(source{x: "breast_cancer.csv", header: 1, comma: ",", classes: 2, features: 30})
	wine         = loader(source{x: "wine_data.csv", header: 1, comma: ",", classes: 3, features: 13})
	diabetes     = loader(source{x: "diabetes_data_raw.csv.gz", y: "diabetes_target.csv.gz", features: 10})
)

// BreastCancer returns 455 examples to train on and 114 for tests; class 0 is malignant, 1 benign. Here and below, the examples were
// shuffled once and for all, and features and numbers to be told are standardised, each to mean 0 and variance 1 over the examples
// to train on. Callers must not modify them; they may call from any goroutine. The error is nil in a sound program.
func BreastCancer() (train, test *Table, err error) { return breastCancer() }

// Wine returns 142 examples to train on and 36 for tests; the classes are the three cultivators.
func Wine() (train, test *Table, err error) { return wine() }

// Diabetes returns 353 examples to train on and 89 for tests.
func Diabetes() (train, test *Table, err error) { return diabetes() }

// loader reads, shuffles, cuts and standardises a table when it is first asked for.
func loader(s source) func() (train, test *Table, err error) {
	type parts struct{ train, test *Table }
	once := sync.OnceValues(func() (parts, error) {
		t, err := s.read()
		if err != nil {
			return parts{}, fmt.Errorf("tables: %s: %w", s.x, err)
		}
		t.shuffle()
		cut := t.Len() * 4 / 5
		p := parts{t.slice(0, cut), t.slice(cut, t.Len())}
		standardise(p.train, p.test)
		return p, nil
	})
	return func() (*Table, *Table, error) {
		p, err := once()
		return p.train, p.test, err
	}
}

// read parses the files as they are.
func (s source) read() (*Table, error) {
	t := &Table{Features: s.features, Classes: s.classes}
	rows, err := s.numbers(s.x)
	if err != nil {
		return nil, err
	}
	if s.y != "" {
		targets, err := s.numbers(s.y)
		if err != nil || len(targets) != len(rows) {
			return nil, fmt.Errorf("%d targets for %d rows: %w", len(targets), len(rows), err)
		}
		for i, y := range targets {
			rows[i] = append(rows[i], y...)
		}
	}
	for i, row := range rows {
		if len(row) != s.features+1 {
			return nil, fmt.Errorf("row %d has %d columns; want %d", i, len(row), s.features+1)
		}
		t.X, t.Y = append(t.X, row[:s.features]...), append(t.Y, row[s.features])
	}
	return t, nil
}

// numbers parses one file.
func (s source) numbers(name string) (rows [][]float64, err error) {
	text, err := open(name)
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[s.header:] {
		fields := strings.Fields(line)
		if s.comma != "" {
			fields = strings.Split(strings.TrimSpace(line), s.comma)
		}
		var row []float64
		for _, f := range fields {
			v, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return nil, err
			}
			row = append(row, v)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// open returns what is in a file, unzipped.
func open(name string) ([]byte, error) {
	text, err := files.ReadFile(name)
	if err != nil || !strings.HasSuffix(name, ".gz") {
		return text, err
	}
	zr, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zr)
}

// shuffle puts the examples into an order that is always the same: the files are sorted by class, some of them.
func (t *Table) shuffle() {
	rng.New(0).Shuffle(t.Len(), func(i, j int) {
		t.Y[i], t.Y[j] = t.Y[j], t.Y[i]
		a, b := t.Row(i), t.Row(j)
		for k := range a {
			a[k], b[k] = b[k], a[k]
		}
	})
}

// standardise gives every column of train mean 0 and variance 1, and moves those of test alike.
func standardise(train, test *Table) {
	for k := range train.Features {
		at := func(t *Table) func(i int) *float64 { return func(i int) *float64 { return &t.Row(i)[k] } }
		column(train.Len(), at(train), test.Len(), at(test))
	}
	if train.Classes == 0 {
		at := func(t *Table) func(i int) *float64 { return func(i int) *float64 { return &t.Y[i] } }
		column(train.Len(), at(train), test.Len(), at(test))
	}
}

// column is standardise for one column of each.
func column(n int, train func(i int) *float64, m int, test func(i int) *float64) {
	mean, square := 0.0, 0.0
	for i := range n {
		mean += *train(i) / float64(n)
	}
	for i := range n {
		d := *train(i) - mean
		square += d * d / float64(n)
	}
	std := math.Sqrt(square)
	for i := range n {
		*train(i) = (*train(i) - mean) / std
	}
	for i := range m {
		*test(i) = (*test(i) - mean) / std
	}
}
