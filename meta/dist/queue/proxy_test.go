package queue_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy stands between a worker and its server, and can be cut.
type proxy struct {
	listener net.Listener
	to       string

	lock  sync.Mutex
	down  bool
	conns []net.Conn
	all   sync.WaitGroup
}

func newProxy(t *testing.T, port int) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: l, to: fmt.Sprintf("127.0.0.1:%d", port)}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.all.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", p.to)
		if err != nil {
			from.Close()
			continue
		}
		p.lock.Lock()
		p.conns = append(p.conns, from, to)
		down := p.down
		p.lock.Unlock()
		if down {
			from.Close()
			to.Close()
			continue
		}
		for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
			p.all.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				pair[0].Close()
				pair[1].Close()
			})
		}
	}
}

// cut ends all connections, and each new one at once.
func (p *proxy) cut() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.down = true
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func (p *proxy) mend() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.down = false
}
