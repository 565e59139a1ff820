package live

import (
	"cmp"
	"net/http"
	"time"
)

// events streams the board to a client until it goes, is dropped, or the server ends.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	c, first, err := s.page.events().join(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("last")))
	if err != nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer s.page.events().leave(c)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	out := stream{w: w, control: http.NewResponseController(w)}
	if r.Method == http.MethodHead || out.write([]byte("retry: 2000\n\n")) != nil {
		return
	}
	for _, f := range first {
		if out.frame(f) != nil {
			return
		}
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case f, ok := <-c.frames:
			if !ok || out.frame(f) != nil {
				return
			}
		case <-beat.C:
			if out.write([]byte("event: beat\ndata: {}\n\n")) != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.done:
			out.rest(c)
			return
		}
	}
}

// A stream writes events, each at once, and waits for its reader only so long.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	seen    uint64 // number of the last frame
	begun   bool
}

func (s *stream) write(b []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}

// frame writes a frame, unless it has been part of what was written before.
func (s *stream) frame(f frame) error {
	if s.begun && f.seq <= s.seen {
		return nil
	}
	s.begun, s.seen = true, f.seq
	return s.write(f.bytes)
}

// rest writes what has been handed to a client already.
func (s *stream) rest(c *client) {
	for {
		select {
		case f, ok := <-c.frames:
			if !ok || s.frame(f) != nil {
				return
			}
		default:
			return
		}
	}
}
