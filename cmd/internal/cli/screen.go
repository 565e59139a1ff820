package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"golang.org/x/term"
)

// screen draws frames on a terminal, each over the one before.
//
// The library has one of its own, which takes the cursor to be where it left it. But the terminal echoes Ctrl-C as two
// characters, and the frame after it, often the last, would begin in the third column.
type screen struct {
	bytes.Buffer // the next frame
	out          io.Writer
	lines        int // of the frame on the screen that the next one replaces
}

var _ mpb.ConsoleWriter = (*screen)(nil)

// Flush draws the frame, whose last lines are to be replaced by the next one.
func (s *screen) Flush(lines int) error {
	start := "\r"
	if s.lines > 0 {
		start = fmt.Sprintf("\r\x1b[%dA\x1b[J", s.lines) // up, and clear to the end
	}
	s.lines = lines
	// One write, so that the frame does not flicker.
	_, err := s.out.Write(append([]byte(start), s.Bytes()...))
	s.Reset()
	return err
}

// IsTerminal reports true, since bars are made for terminals only.
func (s *screen) IsTerminal() bool { return true }

// GetTermSize returns the size of the terminal, or a usual one if it cannot tell. The last column stays free: some
// terminals begin a new line once it is filled.
func (s *screen) GetTermSize() (width, height int, err error) {
	if file, ok := s.out.(*os.File); ok {
		width, height, err = term.GetSize(int(file.Fd()))
	}
	if width <= 1 || height <= 0 || err != nil {
		width, height = 80, 24
	}
	return width - 1, height, nil
}
