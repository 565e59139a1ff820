package metatrain

import (
	"context"
	"sync"
	"time"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/meta/dist/queue"
)

// A crowd is a progress that also tells who helps, in the middle of an outer step too.
type crowd struct {
	cli.Progress
	stats func() queue.Stats

	lock     sync.Mutex
	fraction float64
	status   string
}

// Update implements cli.Progress.
func (c *crowd) Update(fraction float64, status string) {
	c.lock.Lock()
	c.fraction, c.status = fraction, status
	c.lock.Unlock()
	c.Progress.Update(fraction, status+", "+c.stats().String())
}

// refresh updates now and then, until ctx ends.
func (c *crowd) refresh(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.lock.Lock()
			fraction, status := c.fraction, c.status
			c.lock.Unlock()
			if status != "" {
				c.Progress.Update(fraction, status+", "+c.stats().String())
			}
		}
	}
}
