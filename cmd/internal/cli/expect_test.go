package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExpect(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", time.Minute: "", 61 * time.Second: "a minute", 90 * time.Second: "2 minutes", 119 * time.Minute: "119 minutes",
		150 * time.Minute: "2 hours", 47 * time.Hour: "47 hours", 60 * time.Hour: "2 days", 1000 * 24 * time.Hour: "1000 days",
	} {
		if want != "" {
			want = "this will take about " + want + "; do less\n"
		}
		var out bytes.Buffer
		p, err := NewProgress("plain", &out, "x")
		require.NoError(t, err)
		Expect(p, "do less")(d)
		p.Close()
		require.Equal(t, want, out.String())
	}
}
