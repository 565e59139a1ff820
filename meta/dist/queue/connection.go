package queue

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Connection says how a server is reached.
type Connection struct {
	// URL of the server, or of servers of a cluster with commas between: nats://HOST:PORT, or tls://HOST:PORT. A path names the run,
	// where several use one server: nats://HOST:PORT/NAME; its name is "unroll" if there is none. Not with Server.
	URL    string
	Server *Server     // of this process, which is reached without a socket
	Token  string      // empty for none, or if the URL has user and password
	TLS    *tls.Config // nil for the default
}

// names are those of subjects and streams of a run.
type names struct{ work, workStream, blobs, blobStream, record, result, hello, alive, end string }

const consumer = "workers"

func namesOf(run string) names {
	return names{
		work: run + ".work", workStream: run + "-work", blobs: run + ".blob", blobStream: run + "-blob", record: run + ".record",
		result: run + ".result", hello: run + ".hello", alive: run + ".alive", end: run + ".end",
	}
}

// usualRun is the name of a run that has none.
const usualRun = "unroll"

var runName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// split returns the URL without its path, and the name of the run.
func (c Connection) split() (server, run string, err error) {
	if c.Server != nil {
		return "", usualRun, nil
	}
	var servers []string
	for _, text := range strings.Split(c.URL, ",") {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" {
			return "", "", errors.New("want nats://HOST:PORT or tls://HOST:PORT, with commas between servers") // it may hold a password
		}
		if name := strings.Trim(u.Path, "/"); name != "" {
			run = name
		}
		u.Path = ""
		servers = append(servers, u.String())
	}
	if run == "" {
		run = usualRun
	}
	if !runName.MatchString(run) {
		return "", "", fmt.Errorf("the name of the run, %.60q: want up to 40 letters, digits, - and _", run)
	}
	return strings.Join(servers, ","), run, nil
}

// Check reports an URL that is none.
func (c Connection) Check() error {
	_, _, err := c.split()
	return err
}

// A link is a connection to a server. It comes back by itself when it is lost.
type link struct {
	*nats.Conn
	js    jetstream.JetStream
	names names
	store store
}

// The longest wait between two tries to connect, and for an answer.
const (
	longestWait = 2 * time.Second
	patience    = 3 * time.Second
)

// dial connects, now or whenever there is a server. told is called with what becomes of the connection.
func (c Connection) dial(name string, told func(string)) (*link, error) {
	server, run, err := c.split()
	if err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name(name), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2),
		nats.CustomReconnectDelay(func(attempts int) time.Duration {
			return min(longestWait, 50*time.Millisecond<<min(attempts, 6))
		}),
		nats.ReconnectBufSize(-1), // what is not answered is sent again
		nats.Timeout(patience),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				told("lost the server: " + err.Error())
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { told("found the server again") }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
	if c.Server != nil {
		options = append(options, nats.InProcessServer(c.Server.server))
	}
	if c.Token != "" {
		options = append(options, nats.Token(c.Token))
	}
	if c.TLS != nil && c.Server == nil {
		options = append(options, nats.Secure(c.TLS))
	}
	conn, err := nats.Connect(server, options...)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(1024))
	if err != nil {
		conn.Close()
		return nil, err
	}
	n := namesOf(run)
	return &link{Conn: conn, js: js, names: n, store: store{js, n}}, nil
}

// shut returns the error of a connection that will not come back: the server does not take the token. Nil of any other.
func (l *link) shut() error {
	if !l.IsClosed() {
		return nil
	}
	return fmt.Errorf("the server does not let us in: %w", cmp.Or(l.LastError(), nats.ErrConnectionClosed))
}

// A final error is one that trying again will not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// persist tries until it works, ctx ends or the error is final.
func persist(ctx context.Context, try func(context.Context) error) error {
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, longestWait/2) {
		once, cancel := context.WithTimeout(ctx, patience)
		err := try(once)
		cancel()
		if err == nil {
			return nil
		}
		if f, ok := errors.AsType[final](err); ok {
			return f.error
		}
		if errors.Is(err, nats.ErrConnectionClosed) {
			return err
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

// pause waits; false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
