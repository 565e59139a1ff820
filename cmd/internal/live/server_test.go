package live

import (
	"bufio"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta"
)

// serve serves a board for the time of a test.
func serve(t *testing.T, b Page) *Server {
	t.Helper()
	l, err := Listen("0")
	require.NoError(t, err)
	s := Serve(l, b)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// get asks for a path, with headers as name, value pairs, and returns what came with its body read.
func get(t *testing.T, s *Server, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, strings.TrimSuffix(s.URL(), "/")+path, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

// A reader reads the events of a page.
type reader struct {
	view
	body  io.ReadCloser
	lines *bufio.Reader
}

// open connects as a page does; resume by the header where head, or else by the query.
func open(t *testing.T, s *Server, id string, head bool) *reader {
	t.Helper()
	url := s.URL() + "events"
	if !head && id != "" {
		url += "?last=" + id
	}
	r, err := http.NewRequest("GET", url, nil)
	require.NoError(t, err)
	if head {
		r.Header.Set("Last-Event-ID", id)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	t.Cleanup(func() { resp.Body.Close() })
	return &reader{body: resp.Body, lines: bufio.NewReader(resp.Body)}
}

// next reads an event.
func (r *reader) next(t *testing.T) {
	t.Helper()
	for before := r.events; r.events == before; {
		var text strings.Builder
		for {
			line, err := r.lines.ReadString('\n')
			require.NoError(t, err)
			text.WriteString(line)
			if line == "\n" {
				break
			}
		}
		r.take(t, text.String())
	}
}

// A page that comes back is told what it has missed, and nothing twice; by another server, all.
func TestResume(t *testing.T) {
	b := NewBoard(Run{Title: "first"})
	observe := b.Observer(func(meta.Status) float64 { return 0 }, phi)
	s := serve(t, b)
	one := open(t, s, "", true)
	one.next(t)
	require.Equal(t, "first", one.Run.Title)
	require.NoError(t, observe(validated(0, 1, true)))
	require.NoError(t, b.Flush())
	one.next(t)
	require.Len(t, one.Validations, 1)
	require.NoError(t, one.body.Close())
	for n := range 3 {
		require.NoError(t, observe(validated(n+1, 1, false)))
		require.NoError(t, b.Flush())
	}
	for _, head := range []bool{true, false} {
		back := open(t, s, one.id, head)
		for range 3 {
			back.next(t)
		}
		require.Nil(t, back.Run, "no snapshot")
		require.Len(t, back.Validations, 3)
		for _, id := range []string{"rubbish", b.boot + "-999", b.boot + "--1", "-", b.boot + "-18446744073709551616"} {
			fresh := open(t, s, id, head)
			fresh.next(t)
			require.Len(t, fresh.Validations, 4, id)
		}
	}

	other := NewBoard(Run{Title: "second"})
	again := open(t, serve(t, other), one.id, true)
	again.next(t)
	require.Equal(t, "second", again.Run.Title)
}

// The end is told to those who look, and ends every connection.
func TestTheEnd(t *testing.T) {
	b := NewBoard(Run{})
	l, err := Listen("0")
	require.NoError(t, err)
	s := Serve(l, b)
	page := open(t, s, "", true)
	page.next(t)
	require.NoError(t, b.Tell(Done, []Line{{"adam", 0.5}}))
	require.NoError(t, s.Close())
	page.next(t)
	require.Equal(t, Done, page.Status.State)
	require.Equal(t, []Line{{"adam", 0.5}}, page.Run.Lines)
	_, err = page.lines.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Empty(t, b.clients)
}

// There are so many clients and no more; one that goes makes room.
func TestManyClients(t *testing.T) {
	b := NewBoard(Run{})
	s := serve(t, b)
	var all []*client
	for range maxClients - 1 {
		c, _, err := b.join("")
		require.NoError(t, err)
		all = append(all, c)
	}
	last := open(t, s, "", true)
	last.next(t)
	resp, body := get(t, s, "GET", "/events")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "too many clients\n", body)
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	b.leave(all[0])
	open(t, s, "", true).next(t)
	for _, c := range all {
		b.leave(c)
	}
}

// One that connects and never reads is dropped, and nobody waits for it.
func TestAClientThatNeverReads(t *testing.T) {
	b := NewBoard(Run{Title: strings.Repeat("long", 1<<16)})
	s := serve(t, b)
	conn, err := net.Dial("tcp", s.addr.String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	_, err = io.WriteString(conn, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	count := func() (n, dropped int) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.clients), b.dropped
	}
	require.Eventually(t, func() bool { n, _ := count(); return n == 1 }, 10*time.Second, time.Millisecond)
	for range 1000 { // of a quarter of a megabyte each
		require.NoError(t, b.Tell(Learning, []Line{}))
		if _, dropped := count(); dropped == 1 {
			return
		}
	}
	require.Fail(t, "it is still there")
}

// What is sent, with which headers: nothing but what the page needs, and no way to use anything from elsewhere.
func TestHeaders(t *testing.T) {
	s := serve(t, NewBoard(Run{}))
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/page.js": "text/javascript; charset=utf-8", "/page.css": "text/css; charset=utf-8",
		"/icon.svg": "image/svg+xml",
		"/metrics":  "text/plain; version=0.0.4; charset=utf-8",
	} {
		resp, body := get(t, s, "GET", path)
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		require.Equal(t, kind, resp.Header.Get("Content-Type"), path)
		require.NotEmpty(t, body)
		require.Equal(t, s.policy(), resp.Header.Get("Content-Security-Policy"))
		require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
		resp, _ = get(t, s, "POST", path)
		require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, path)
		resp, none := get(t, s, "HEAD", path)
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		require.Empty(t, none)
		tag := resp.Header.Get("ETag")
		if tag == "" {
			continue
		}
		resp, none = get(t, s, "GET", path, "If-None-Match", tag)
		require.Equal(t, http.StatusNotModified, resp.StatusCode, path)
		require.Empty(t, none)
		resp, packed := get(t, s, "GET", path, "Accept-Encoding", "gzip, br")
		require.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
		z, err := gzip.NewReader(strings.NewReader(packed))
		require.NoError(t, err)
		plain, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, body, string(plain))
	}
	for _, path := range []string{"/other", "/page/index.html", "/../board.go", "/uplot/"} {
		resp, _ := get(t, s, "GET", path)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, path)
	}
	for host, want := range map[string]int{
		"localhost:1": 200, "127.0.0.1": 200, "[::1]:80": 200, "evil.example": 421, "localhost.evil.example:80": 421,
	} {
		resp, _ := get(t, s, "GET", "/", "Host", host)
		require.Equal(t, want, resp.StatusCode, host)
	}
	resp, _ := get(t, s, "HEAD", "/events")
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
}

// The page in all is small, and names no other machine.
func TestPageIsSmallAndByItself(t *testing.T) {
	outside := regexp.MustCompile(`(?i)(src|href|url\(|import|fetch\()[^\n]{0,3}["'(]?(https?:)?//`)
	for name, list := range assets() {
		size := 0
		for _, a := range list {
			size += len(a.plain)
			require.NotRegexp(t, outside, string(a.plain), a.path)
			if a.kind == html {
				require.NotRegexp(t, `<script>|<style|style=| on[a-z]+=`, string(a.plain), "the policy would not let it")
			}
		}
		require.Less(t, size, 110<<10, name)
	}
}

// Every line of the metrics is a comment or a name and a number.
func TestMetrics(t *testing.T) {
	b := NewBoard(Run{})
	observe := b.Observer(func(meta.Status) float64 { return 0.25 }, phi)
	require.NoError(t, observe(step(20, 3, 5)))
	require.NoError(t, observe(validated(20, 0.75, true)))
	require.NoError(t, b.Flush())
	_, text := get(t, serve(t, b), "GET", "/metrics")
	for line := range strings.Lines(text) {
		require.Regexp(t, `^(# (HELP|TYPE) unroll_[a-z_]+ .+|unroll_[a-z_]+ [-+.0-9e]+)\n$`, line)
	}
	for _, want := range []string{
		"unroll_episodes_total 20\n", "unroll_inner_steps_total 200\n", "unroll_meta_loss 3\n", "unroll_meta_gradient_norm 5\n",
		"unroll_validation_loss 0.75\n", "unroll_best_validation_loss 0.75\n", "unroll_done_ratio 0.25\n", "unroll_outer_steps_clipped_total 1\n",
	} {
		require.Contains(t, text, "\n"+want)
	}
}

func TestListen(t *testing.T) {
	for _, addr := range []string{"0", ":0", "127.0.0.1:0", "0.0.0.0:0"} {
		l, err := Listen(addr)
		require.NoError(t, err, addr)
		s := Serve(l, NewBoard(Run{}))
		require.Regexp(t, `^http://127\.0\.0\.1:[0-9]+/$`, s.URL())
		if addr == "0" {
			_, err := Listen(s.addr.String())
			require.ErrorContains(t, err, "cannot listen on")
		}
		require.NoError(t, s.Close())
	}
	for _, addr := range []string{"", "127.0.0.1:", "a:b:c", "nonsense", "99999"} {
		_, err := Listen(addr)
		require.Error(t, err, addr)
		require.NotContains(t, err.Error(), "\n")
	}
}
