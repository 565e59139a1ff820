package queue

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// ServerConfig says where a server listens and what it keeps.
type ServerConfig struct {
	Listen string      // HOST:PORT, where the port 0 is any that is free; 127.0.0.1:0 if empty
	Dir    string      // where streams are kept
	Token  string      // that whoever connects must have
	TLS    *tls.Config // nil: in the clear
}

// A Server is a NATS server with JetStream in this process.
type Server struct{ server *server.Server }

// Limits of a server.
const (
	maxMessage = 1 << 20
	maxStored  = 16 << 30
	maxClients = 32 << 10
)

// NewToken returns a random token.
func NewToken() string {
	b := make([]byte, 24)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// NewServer starts a server. Shut it down.
func NewServer(c ServerConfig) (*Server, error) {
	if c.Token == "" {
		return nil, errors.New("queue: a server without a token")
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	host, text, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("%.60q: want HOST:PORT", c.Listen)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%.60q: want a port from 0 to 65535", c.Listen)
	}
	o := &server.Options{
		ServerName: "unroll", Host: host, Port: int(port), Authorization: c.Token, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: c.Dir, JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: maxStored,
		MaxPayload: maxMessage, MaxConn: maxClients, MaxPending: 64 << 20, WriteDeadline: 10 * time.Second,
		PingInterval: 5 * time.Second, MaxPingsOut: 2, AuthTimeout: 2, TLSTimeout: 2, DisableJetStreamBanner: true,
	}
	if host == "" {
		o.Host = "127.0.0.1"
	}
	if port == 0 {
		o.Port = server.RANDOM_PORT
	}
	if c.TLS != nil {
		o.TLS, o.TLSConfig = true, c.TLS
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	fatal := make(failures, 1)
	s.SetLogger(fatal, false, false)
	go s.Start()
	err = started(s, fatal)
	if err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("no server at %s: %w", c.Listen, err)
	}
	return &Server{s}, nil
}

// started waits until a server takes connections, or says what keeps it from that.
func started(s *server.Server, fatal failures) error {
	for begun := time.Now(); time.Since(begun) < 10*time.Second; {
		select {
		case err := <-fatal:
			return err
		default:
		}
		if s.ReadyForConnections(20 * time.Millisecond) {
			return nil
		}
	}
	return errors.New("it is not ready after 10 seconds")
}

// failures is a server's log, of which only what ends it is kept.
type failures chan error

func (f failures) Fatalf(format string, args ...any) {
	select {
	case f <- fmt.Errorf(format, args...):
	default:
	}
}

func (failures) Noticef(string, ...any) {}
func (failures) Warnf(string, ...any)   {}
func (failures) Errorf(string, ...any)  {}
func (failures) Debugf(string, ...any)  {}
func (failures) Tracef(string, ...any)  {}

// Port returns the port that the server listens at.
func (s *Server) Port() int { return s.server.Addr().(*net.TCPAddr).Port }

// Shutdown ends the server, with all that it does.
func (s *Server) Shutdown() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}
