package metatrain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/meta"
)

// pageEvent is what a page is told.
type pageEvent struct {
	Run         *live.Run
	Status      live.Status
	Validations []json.RawMessage
	Weights     []live.Weights
	Inner       live.Inner
}

// listen reads a page's events until its server ends, or enough says that they are.
func listen(t *testing.T, url string, enough func(pageEvent) bool) (all pageEvent) {
	t.Helper()
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url + "events")
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || data == "{}\n" {
			continue
		}
		var e pageEvent
		require.NoError(t, json.Unmarshal([]byte(data), &e))
		if e.Run != nil {
			all.Run = e.Run
		}
		all.Status = e.Status
		for _, x := range []struct{ to, from **live.Training }{
			{&all.Inner.Now, &e.Inner.Now}, {&all.Inner.Best, &e.Inner.Best}, {&all.Inner.Beside, &e.Inner.Beside},
		} {
			if *x.from != nil {
				*x.to = *x.from
			}
		}
		all.Validations, all.Weights = append(all.Validations, e.Validations...), append(all.Weights, e.Weights...)
		if enough(all) {
			return all
		}
	}
}

// logLines are the lines of a log.
func logLines(t *testing.T, dir string) (list []json.RawMessage) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, logFile))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		list = append(list, json.RawMessage(strings.TrimSpace(line)))
	}
	return list
}

// awaitPage waits for the address of a run's page.
func awaitPage(t *testing.T, dir string) (url string) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(dir, rundir.Page))
		url = strings.TrimSpace(string(text))
		return err == nil && url != ""
	}, time.Minute, time.Millisecond)
	return url
}

// A page shows what its run writes into the log, to the last line, and the baselines once they are known; one of a run that is
// resumed begins with what was before; and looking at the folder afterwards shows the same. The result does not depend on it.
func TestPage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{
		small("--episodes", "8", "--out", "run", "--serve", "0"),
		{"--resume", "run", "--episodes", "11", "--serve", ":0"},
	} {
		var stderr bytes.Buffer
		done := make(chan error)
		go func() { done <- Run(context.Background(), args, io.Discard, &stderr) }()
		url := awaitPage(t, "run")
		page := listen(t, url, func(pageEvent) bool { return false })
		require.NoError(t, <-done)
		require.Contains(t, stderr.String(), "the run's page is "+url)
		require.Equal(t, logLines(t, "run")[len(logLines(t, "run"))-len(page.Validations):], page.Validations)
		require.Equal(t, live.Done, page.Status.State)
		require.Equal(t, "lstm on quadratic, seed 1", page.Run.Title)
		require.Len(t, page.Run.Lines, 6)
		require.NotEmpty(t, page.Weights)
		require.NoFileExists(t, "run/"+rundir.Page)
		requireTraining(t, page)
	}
	before := clitest.Tree(t, "run")
	plain := learned(t, small("--episodes", "11")...)
	for _, name := range []string{logFile, optimizerFile, trainFile} {
		require.Equal(t, len(plain[name]), len(before[name]), name)
	}
	require.Equal(t, plain[logFile], before[logFile])

	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- Run(ctx, []string{"--view", "run"}, io.Discard, writer) }()
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err)
	url := strings.TrimSuffix(strings.Fields(line)[4], ";")
	page := listen(t, url, func(e pageEvent) bool { return e.Inner.Beside != nil })
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, logLines(t, "run"), page.Validations)
	require.Equal(t, live.NotRunning, page.Status.State)
	require.Len(t, page.Run.Lines, 6)
	require.Len(t, page.Weights, 1)
	requireTraining(t, page)
	require.Equal(t, before, clitest.Tree(t, "run"), "looking changes nothing")
}

// requireTraining demands that curves have the means that validations in the log have, and that Adam is beside them.
func requireTraining(t *testing.T, page pageEvent) {
	t.Helper()
	valid, best := map[int]float64{}, -1
	for _, line := range page.Validations {
		var r struct {
			Episodes int
			Valid    float64 `json:"valid_loss"`
			Best     bool
		}
		require.NoError(t, json.Unmarshal(line, &r))
		if valid[r.Episodes] = r.Valid; r.Best {
			best = r.Episodes
		}
	}
	for _, x := range []*live.Training{page.Inner.Now, page.Inner.Best, page.Inner.Beside} {
		sum, steps := 0.0, 0
		for _, loss := range x.Loss {
			sum += float64(loss) / float64(len(x.Loss))
		}
		for _, n := range x.Counts {
			steps += n
		}
		require.Positive(t, steps+x.Still)
		require.Len(t, x.At, len(x.Error))
		require.NotEmpty(t, x.Tensors)
		if x != page.Inner.Beside {
			require.InEpsilon(t, valid[x.Episodes], sum, 1e-9, "the curve is that of the validation")
		}
	}
	require.Regexp(t, `^adam, lr [0-9.e-]+$`, page.Inner.Beside.Name)
	if best >= 0 {
		require.Equal(t, best, page.Inner.Best.Episodes)
	}
}

// On a mix the page has training on its first network, and lives have none to show.
func TestPageOfOtherProblems(t *testing.T) {
	t.Chdir(t.TempDir())
	var p *page
	require.NoError(t, p.observer(nil, nil)(meta.Event{}))
	p = &page{board: live.NewBoard(live.Run{})}
	require.NoError(t, p.train(meta.Record{}))
	p.help(nil)
}

// A viewer sees a run go on, by its files.
func TestViewFollows(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--episodes", "3", "--out", "run")...))
	v := viewer{dir: "run", board: live.NewBoard(live.Run{})}
	require.NoError(t, v.look())
	require.Equal(t, v.stamps(), v.seen)
	l, err := live.Listen("0")
	require.NoError(t, err)
	server := live.Serve(l, v.board)
	defer server.Close()
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--episodes", "9", "--progress", "off"))
	require.NotEqual(t, v.stamps(), v.seen)
	require.NoError(t, v.look())
	page := listen(t, server.URL(), func(pageEvent) bool { return true })
	require.Equal(t, logLines(t, "run"), page.Validations)
}

func TestPageRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--episodes", "1", "--out", "run")...))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for want, args := range map[string][]string{
		"--serve: want the name of an address":   {"--serve="},
		"--view: want the name of a folder":      {"--view="},
		`--serve: want HOST:PORT or a port`:      {"--serve", "1:2:3"},
		"--serve: cannot listen on":              {"--serve", l.Addr().String()},
		"--view: checkpoints: nowhere":           {"--view", "nowhere"},
		"--horizon: --view shows a run as it is": {"--view", "run", "--horizon", "3"},
		"--out: --view shows a run as it is":     {"--view", "run", "--out", "x"},
	} {
		clitest.RequireRefused(t, Run, want, args...)
	}
	text := clitest.Tree(t, "run")[logFile]
	clitest.WriteFile(t, filepath.Join("run", logFile), "rubbish"+text[7:])
	clitest.RequireRefused(t, Run, "line 1 of the log", "--view", "run")
}
