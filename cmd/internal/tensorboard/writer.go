// Package tensorboard writes event files, which TensorBoard shows as curves and histograms.
//
// A file is a row of records, see record.go, each of which holds an Event of TensorFlow's event.proto in the wire format of protocol
// buffers, see event.go. The first names the version of the format; the second says at which step this process began, so that what
// an earlier one wrote of later steps, before it was killed, is no longer shown.
package tensorboard

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A Writer adds events to a file of its own. It is for one goroutine at a time.
type Writer struct {
	file   *os.File
	buffer *bufio.Writer
	now    func() time.Time
}

// A Scalar is a point of the curve that Tag names; a slash in it makes a group.
type Scalar struct {
	Tag   string
	Value float64 // kept in float32
}

// Create makes a file in a folder, which it makes too if there is none. What other files there say of step first and of those after it
// is void from then on. TensorBoard reads the files of a folder in the order of their names, which begin with the time. Close the
// writer.
func Create(dir string, first int64) (*Writer, error) {
	w := &Writer{now: time.Now}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("%s: cannot create the folder: %w", dir, reason(err))
	}
	if err := w.open(dir); err != nil {
		return nil, fmt.Errorf("%s: cannot create a file: %w", dir, reason(err))
	}
	w.buffer = bufio.NewWriter(w.file)
	w.write(appendString(w.event(0), fieldVersion, version))
	w.write(appendMessage(w.event(first), fieldSession, appendInt(nil, fieldStatus, statusStart)))
	if err := w.Flush(); err != nil {
		return nil, errors.Join(err, w.file.Close())
	}
	return w, nil
}

// open makes a file of a name that there was none of.
func (w *Writer) open(dir string) (err error) {
	host, _ := os.Hostname() // without one the name is as unique
	for n := range 1000 {
		name := fmt.Sprintf("events.out.tfevents.%010d.%03d.%s.%d", w.now().Unix(), n, filepath.Base(host), os.Getpid())
		w.file, err = os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return err
}

// Scalars adds a point to each of several curves. It is on the disk once Flush has returned without an error.
func (w *Writer) Scalars(step int64, scalars ...Scalar) {
	var summary []byte
	for _, s := range scalars {
		summary = appendMessage(summary, fieldValue, appendFloat(appendString(nil, fieldTag, s.Tag), fieldSimple, float32(s.Value)))
	}
	w.write(appendMessage(w.event(step), fieldSummary, summary))
}

// Histogram adds how numbers are distributed. Those that are not finite are left out.
func (w *Writer) Histogram(step int64, tag string, numbers []float32) {
	value := appendMessage(appendString(nil, fieldTag, tag), fieldHistogram, histogramOf(numbers).encode())
	w.write(appendMessage(w.event(step), fieldSummary, appendMessage(nil, fieldValue, value)))
}

// Flush brings everything to the disk. An error of an earlier write is told by the next Flush, and by all after it.
func (w *Writer) Flush() error {
	if err := w.buffer.Flush(); err != nil {
		return fmt.Errorf("%s: cannot write: %w", w.file.Name(), reason(err))
	}
	return nil
}

// Close flushes and closes the file.
func (w *Writer) Close() error { return errors.Join(w.Flush(), w.file.Close()) }

// event begins an Event.
func (w *Writer) event(step int64) []byte {
	return appendInt(appendDouble(nil, fieldTime, float64(w.now().UnixNano())/1e9), fieldStep, step)
}

// write adds a record. The buffer keeps the error for Flush.
func (w *Writer) write(event []byte) { _, _ = w.buffer.Write(record(event)) }

// reason strips the operation and the path from an error of a file.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
