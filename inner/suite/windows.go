package suite

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/internal/rng"
)

// windows are pieces of a text: length characters to read, and the one after each to be told.
type windows struct {
	trainText, testText *opticks.Text
	length, rows        int
	tested              int    // windows of a test
	codes               []byte // [rows, length+1]
	draws               *rng.Stream
}

// testCharacters is how many characters to be told a test has, about.
const testCharacters = 1 << 14

func newWindows(family string, train, test *opticks.Text, length, rows int) (w windows, err error) {
	if err := checkData(family, train != nil, test != nil); err != nil {
		return w, err
	}
	if train == nil {
		if train, test, err = opticks.Load(); err != nil {
			return w, err
		}
	}
	if string(train.Alphabet) != string(test.Alphabet) {
		return w, fmt.Errorf("suite: %s: Train and Test have different alphabets", family)
	}
	if n := min(len(train.Codes), len(test.Codes)); n < length+1 {
		return w, fmt.Errorf("suite: %s: a text of %d characters; want %d or more", family, n, length+1)
	}
	tested := min(testCharacters/length, len(test.Codes)-length)
	return windows{
		trainText: train, testText: test, length: length, rows: rows, tested: max(1, tested/rows) * rows,
		codes: make([]byte, rows*(length+1)), draws: rng.New(0),
	}, nil
}

// letters returns the size of the alphabet.
func (w *windows) letters() int { return len(w.trainText.Alphabet) }

// draw takes windows from anywhere in the training text.
func (w *windows) draw(key uint64) {
	w.draws.Reset(key)
	for row := range w.rows {
		w.put(row, w.trainText, w.draws.IntN(len(w.trainText.Codes)-w.length))
	}
}

// test takes the i-th part of windows that lie evenly over the test text.
func (w *windows) test(i int) int {
	if (i+1)*w.rows > w.tested {
		return 0
	}
	for row := range w.rows {
		w.put(row, w.testText, (i*w.rows+row)*(len(w.testText.Codes)-w.length)/w.tested)
	}
	return w.rows
}

func (w *windows) put(row int, text *opticks.Text, from int) {
	copy(w.codes[row*(w.length+1):(row+1)*(w.length+1)], text.Codes[from:])
}

// at returns the character to read at a step of a row; the one after it is to be told.
func (w *windows) at(row, step int) byte { return w.codes[row*(w.length+1)+step] }
