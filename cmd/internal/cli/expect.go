package cli

import (
	"fmt"
	"time"
)

// worthTelling is how long work must take for its time to be told before it begins.
const worthTelling = time.Minute

// Expect returns what is told, before work begins, how long that is going to take: more than a minute it logs, and how to make it
// shorter.
func Expect(p Progress, shorter string) func(time.Duration) {
	return func(d time.Duration) {
		if d > worthTelling {
			p.Log("this will take about %s; %s", roughly(d), shorter)
		}
	}
}

// roughly words a time of more than a minute, to no more digits than an estimate has.
func roughly(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return "a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}
