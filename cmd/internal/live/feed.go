package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxClients = 200
	backlog    = 16  // frames that a client may be behind before it is dropped
	maxReplay  = 120 // frames that a client that comes back can be told
)

// A feed is the stream of a page's events: the last of them, and the clients that are told. What a page shows has one, and guards what
// it shows by the feed's lock, which nothing slow is done under: whoever works is never kept waiting for a client.
type feed struct {
	all func() any // everything there is, as a copy; mu is held

	mu      sync.Mutex
	boot    string // tells this feed's events from those of a server before it
	seq     uint64 // of the last frame
	replay  []frame
	clients map[*client]struct{}
	dropped int

	snapshots sync.Mutex
	last      frame // the last snapshot that was asked for
}

// A frame is an event of the stream, as bytes.
type frame struct {
	seq   uint64
	bytes []byte
}

// A client is somebody who looks at the page.
type client struct {
	frames chan frame // closed when it is dropped
}

// start makes a feed that began at a time and whose snapshots are what all returns.
func (b *feed) start(at time.Time, all func() any) {
	b.all, b.boot, b.clients = all, strconv.FormatInt(at.UnixNano(), 36), make(map[*client]struct{})
}

// events returns the feed, for those that it is a part of.
func (b *feed) events() *feed { return b }

// update tells all clients what is new; b.mu is held.
func (b *feed) update(news any) error {
	b.seq++
	f, err := b.frame("update", b.seq, news)
	if err != nil {
		return err
	}
	if len(b.replay) == maxReplay {
		b.replay = slices.Delete(b.replay, 0, 1)
	}
	b.replay = append(b.replay, f)
	b.send(f)
	return nil
}

// restart tells all clients everything anew; b.mu is held.
func (b *feed) restart() error {
	b.replay = nil
	b.seq++
	f, err := b.frame("snapshot", b.seq, b.all())
	if err == nil {
		b.send(f)
	}
	return err
}

// frame words an event. Its id is the feed's name and the event's number.
func (b *feed) frame(name string, seq uint64, what any) (frame, error) {
	data, err := json.Marshal(what)
	if err != nil {
		return frame{}, fmt.Errorf("live page: %w", err)
	}
	return frame{seq, fmt.Appendf(nil, "id: %s-%d\nevent: %s\ndata: %s\n\n", b.boot, seq, name, data)}, nil
}

// send hands a frame to every client that has room for it, and drops the others.
func (b *feed) send(f frame) {
	for c := range b.clients {
		select {
		case c.frames <- f:
		default:
			b.dropped++
			b.remove(c)
		}
	}
}

// remove ends a client; b.mu is held.
func (b *feed) remove(c *client) {
	if _, ok := b.clients[c]; ok {
		delete(b.clients, c)
		close(c.frames)
	}
}

// errFull is that of one client too many.
var errFull = errors.New("too many clients")

// join takes in a client that has heard all up to the event with the given id, or nothing if it is empty. The first frames are
// what it has missed, or a snapshot; of those that come by the channel it is to ignore the ones that are not newer.
func (b *feed) join(id string) (c *client, first []frame, err error) {
	c = &client{frames: make(chan frame, backlog)}
	b.mu.Lock()
	if len(b.clients) >= maxClients {
		b.mu.Unlock()
		return nil, nil, errFull
	}
	b.clients[c] = struct{}{}
	first, ok := b.missed(id)
	b.mu.Unlock()
	if ok {
		return c, first, nil
	}
	f, err := b.snapshot()
	if err != nil {
		b.leave(c)
		return nil, nil, err
	}
	return c, []frame{f}, nil
}

// leave ends a client, if it has not been dropped already.
func (b *feed) leave(c *client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(c)
}

// missed returns the frames after the one with the given id, if they are all still there; b.mu is held.
func (b *feed) missed(id string) ([]frame, bool) {
	boot, number, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if boot != b.boot || err != nil || seq > b.seq {
		return nil, false
	}
	n := b.seq - seq
	if n > uint64(len(b.replay)) {
		return nil, false
	}
	return slices.Clone(b.replay[uint64(len(b.replay))-n:]), true
}

// snapshot returns all there is, as one frame with the number of the last. It is made once for all who ask before the next.
func (b *feed) snapshot() (frame, error) {
	b.snapshots.Lock()
	defer b.snapshots.Unlock()
	b.mu.Lock()
	seq, current := b.seq, b.last.bytes != nil && b.last.seq == b.seq
	var all any
	if !current {
		all = b.all()
	}
	b.mu.Unlock()
	if current {
		return b.last, nil
	}
	f, err := b.frame("snapshot", seq, all)
	if err == nil {
		b.last = f
	}
	return f, err
}

// clientMetrics are the numbers of clients; b.mu is held.
func (b *feed) clientMetrics() []metric {
	return []metric{
		{"page_clients", "gauge", "Pages that are open.", float64(len(b.clients))},
		{"page_clients_dropped_total", "counter", "Pages that did not keep up.", float64(b.dropped)},
	}
}
