package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	interval     = time.Second      // between two updates
	heartbeat    = 15 * time.Second // between two signs of life
	patience     = 10 * time.Second // for a write to a client
	goodbye      = 2 * time.Second  // for the last events
	headerLimit  = 16 << 10
	readingLimit = 5 * time.Second
)

// A Port is where a server listens.
type Port = net.Listener

// Listen opens the port that ADDR names: HOST:PORT, or a port alone, which is open to this machine only; port 0 is any that is free.
func Listen(addr string) (Port, error) {
	full := addr
	if !strings.Contains(addr, ":") {
		full = ":" + addr
	}
	host, port, err := net.SplitHostPort(full)
	if err != nil || port == "" {
		return nil, fmt.Errorf("want HOST:PORT or a port, such as 127.0.0.1:8080 or 8080, got %.60q", addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		if e, ok := errors.AsType[*net.OpError](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("cannot listen on %.60q: %w; 0 takes any port that is free", addr, err)
	}
	return l, nil
}

// A Page is what a Server shows: the [Board] of a run, or a [Comparison].
type Page interface {
	Flush() error      // sends what is new, if there is anything
	beat() error       // does so as time goes by
	document() string  // its name among the files of the page
	events() *feed     // what is sent
	metrics() []metric // its numbers
}

// A Server shows a page.
type Server struct {
	page Page
	http *http.Server
	addr net.Addr
	done chan struct{} // closed when it is to end
	wait sync.WaitGroup
}

// Serve begins to serve a page. Close the server.
func Serve(l Port, p Page) *Server {
	s := &Server{page: p, addr: l.Addr(), done: make(chan struct{})}
	s.http = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: readingLimit, IdleTimeout: time.Minute, MaxHeaderBytes: headerLimit,
	}
	s.wait.Go(func() { s.http.Serve(l) }) // it ends by Close
	s.wait.Go(s.pump)
	return s
}

// URL is the page's address.
func (s *Server) URL() string {
	host, port, _ := net.SplitHostPort(s.addr.String())
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}

// Close sends what is left to be told, and ends the server and all its clients.
func (s *Server) Close() error {
	err := s.page.Flush()
	close(s.done)
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.wait.Wait()
	return err
}

// pump sends updates as time goes by.
func (s *Server) pump() {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.page.beat() // what cannot be worded now is told by Close
		case <-s.done:
			return
		}
	}
}

// policy lets a page use nothing but what this server sends. A report that a page has been sent is opened under the page's own policy,
// and has its styles in its text.
func (s *Server) policy() string {
	inline := ""
	if s.page.document() == "comparison" {
		inline = " 'unsafe-inline'"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'" + inline + "; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, a := range assets()[s.page.document()] {
		mux.Handle("GET "+a.path, a)
	}
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /metrics", s.metrics)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", s.policy())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		if !s.meant(r.Host) {
			http.Error(w, "this server is known by its address only", http.StatusMisdirectedRequest)
			return
		}
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience)) // events set their own
		mux.ServeHTTP(w, r)
	})
}

// meant reports whether a request is for this server. A page from elsewhere whose name leads here, by a trick with DNS, could else
// read what is meant for people on this machine.
func (s *Server) meant(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	at, _, _ := net.SplitHostPort(s.addr.String())
	ip, err := netip.ParseAddr(at)
	return err == nil && !ip.IsLoopback() // opened to others on purpose, who may have a name for it
}
