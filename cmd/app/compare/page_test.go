package compare

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/meta/eval"
)

// A heard is what a page has been told, as its script keeps it; numbers are as they are in JSON.
type heard struct {
	Contest live.Contest
	Status  live.MatchStatus
	Rows    []struct {
		I   int
		Row heardRow
	}
	Tables []struct {
		Head []string
		Rows [][]string
	}
	Report string
}

type heardRow struct {
	Problem, Name, State, Setting string
	Runs, Of, Diverged            int
	Values                        []struct {
		Name        string
		Mean, Error *float64
	}
	Curve *struct {
		At          []int
		Mean, Error []*float64
	}
}

// value is the mean of what has that name.
func (r heardRow) value(t *testing.T, name string) *float64 {
	t.Helper()
	for _, v := range r.Values {
		if v.Name == name {
			return v.Mean
		}
	}
	require.Fail(t, "no "+name)
	return nil
}

// listen reads the events of a page to their end. Law: no row knows less than it knew before, but for one that is tuned.
func listen(t *testing.T, body io.Reader) (all heard, rows []heardRow) {
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return all, rows
		}
		require.NoError(t, err)
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || data == "{}\n" {
			continue
		}
		var u heard
		require.NoError(t, json.Unmarshal([]byte(data), &u))
		if u.Contest.Title != "" {
			all.Contest = u.Contest
		}
		all.Status, all.Report = u.Status, u.Report
		if u.Tables != nil {
			all.Tables = u.Tables
		}
		for _, x := range u.Rows {
			if x.I == len(rows) {
				rows = append(rows, x.Row)
			}
			require.GreaterOrEqual(t, x.Row.Runs, rows[x.I].Runs)
			rows[x.I] = x.Row
		}
	}
}

// opened makes a comparison's page ready, and looks at it from the beginning.
func opened(t *testing.T, args []string) (o options, s study, p *served, news io.Reader) {
	t.Helper()
	o = parsed(t, args...)
	s, err := o.study()
	require.NoError(t, err)
	p, err = s.serve(o, args)
	require.NoError(t, err)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(p.server.URL() + "events")
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return o, s, p, resp.Body
}

// watched compares with a page that somebody looks at from the beginning.
func watched(t *testing.T, args ...string) (all heard, rows []heardRow) {
	t.Helper()
	args = append(args, "--serve", "0", "--progress", "plain")
	o, s, p, news := opened(t, args)
	done := make(chan error)
	var stderr bytes.Buffer
	go func() { done <- o.run(context.Background(), s, p, args, io.Discard, &stderr) }()
	all, rows = listen(t, news)
	require.NoError(t, <-done)
	require.Contains(t, stderr.String(), "the comparison's page is "+p.server.URL())
	require.Equal(t, live.Done, all.Status.State)
	require.Equal(t, 1., all.Status.Fraction)
	require.Contains(t, all.Report, "<svg ")
	for _, r := range rows {
		require.Equal(t, live.Done, r.State)
		require.Equal(t, r.Of, r.Runs)
	}
	return all, rows
}

// Law: at its end the page has the numbers of the report, bit for bit, and the report is the same without a page.
func TestPageOfSteps(t *testing.T) {
	t.Chdir(t.TempDir())
	args := small("--optimizer", "adam,sgd", "--steps", "400")
	all, rows := watched(t, append(args, "--json", "r.json", "--report", "r.html")...)
	require.Equal(t, "quadratic", all.Contest.Title)
	require.Contains(t, all.Report, "<td>adam</td>")
	require.Equal(t, len(read(t, "r.html")), len(all.Report))
	r := readReport(t, "r.json")
	require.Len(t, rows, len(r.Results))
	for i, x := range r.Results {
		row := rows[i]
		require.Equal(t, x.Name, row.Name)
		require.Contains(t, row.Setting, "lr ")
		require.Equal(t, *x.Diverged, row.Diverged)
		require.Equal(t, x.Final.Mean, row.value(t, "final loss"))
		require.Equal(t, x.Sum.Mean, row.value(t, "sum of losses"))
		require.Equal(t, x.USPerStep, row.value(t, "µs/step"))
		require.Len(t, row.Curve.At, 300)
		for k, step := range row.Curve.At {
			require.Equal(t, x.Curve[step], row.Curve.Mean[k])
		}
		require.Equal(t, []int{0, 399}, []int{row.Curve.At[0], row.Curve.At[299]})
	}
	clitest.MustRun(t, Run, append(args, "--json", "plain.json", "--progress", "off")...)
	require.Equal(t, withoutTimes(t, "plain.json"), withoutTimes(t, "r.json"))
}

// Likewise on a suite, with the table over all problems.
func TestPageOfSuite(t *testing.T) {
	t.Chdir(t.TempDir())
	all, rows := watched(t, onSuite("--optimizer", "adam,sgd", "--track", "single", "--json", "r.json")...)
	r := readSuite(t, "r.json")
	i := 0
	for _, p := range r.Problems {
		for _, x := range p.Results {
			require.Equal(t, [2]string{p.Name, x.Name}, [2]string{rows[i].Problem, rows[i].Name})
			require.Equal(t, x.Train.Mean, rows[i].value(t, "train"))
			require.Equal(t, x.Test.Mean, rows[i].value(t, "test"))
			require.Equal(t, x.Setting, strings.TrimSuffix(rows[i].Setting, "*"))
			require.Equal(t, p.Steps, rows[i].Curve.At[len(rows[i].Curve.At)-1])
			i++
		}
	}
	require.Len(t, rows, i)
	require.Len(t, all.Tables, 1)
	require.Len(t, all.Tables[0].Rows, len(r.Aggregate))
	clitest.MustRun(t, Run, onSuite("--optimizer", "adam,sgd", "--track", "single", "--json", "plain.json", "--progress", "off")...)
	for _, p := range readSuite(t, "plain.json").Problems {
		for k, x := range p.Results {
			require.Equal(t, x.Train, r.Problems[0].Results[k].Train)
		}
		r.Problems = r.Problems[1:]
	}
}

// Likewise by epochs, where pairs with a credit rule are rows.
func TestPageOfEpochs(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	all, rows := watched(t, "--problem", "logistic8", "--credit", "backprop,fa", "--epochs", "2", "--runs", "2", "--batch", "6", "--data", "images", "--json", "r.json")
	require.Equal(t, "epoch", all.Contest.Axis)
	r := readReport(t, "r.json")
	require.Len(t, rows, 2)
	require.Equal(t, []string{"backprop", "fa"}, []string{rows[0].Problem, rows[1].Problem})
	for i, x := range r.Results {
		require.Equal(t, []int{1, 2}, rows[i].Curve.At)
		require.Equal(t, x.Curve, rows[i].Curve.Mean)
		require.Equal(t, x.Final.Mean, rows[i].value(t, "final loss"))
	}
}

// A comparison that is interrupted says so on its page.
func TestPageOfTheInterrupted(t *testing.T) {
	args := small("--serve", "0", "--progress", "off")
	o, s, p, news := opened(t, args)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, o.run(ctx, s, p, args, io.Discard, io.Discard), context.Canceled)
	all, _ := listen(t, news)
	require.Equal(t, live.Stopped, all.Status.State)
	require.Empty(t, all.Report)
}

func TestPageRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for want, args := range map[string][]string{
		"--serve: want the name of an address": small("--serve="),
		"--serve: want HOST:PORT or a port":    small("--serve", "1:2:3"),
		"--serve: cannot listen on":            small("--serve", l.Addr().String()),
	} {
		clitest.RequireRefused(t, Run, want, args...)
	}
	require.NoError(t, errors.Join((*served)(nil).close(os.ErrClosed)))
}

// Law: what grows comes to the means and standard errors that package eval has.
func TestGrowing(t *testing.T) {
	losses := eval.Losses{{3, 1, 4, 1.5}, {2, 7, 1, 8}, {2.5, 8, 1, 0.25}}
	g := growing{at: []int{0, 1, 3}}
	var r live.Row
	for _, run := range losses {
		g.add(func(t int) float64 { return run[t] }, run[3])
		g.put(&r, 1, "final loss")
	}
	require.Equal(t, []int{1, 2, 4}, r.Curve.At)
	for i, t0 := range g.at {
		want := losses.At(t0)
		require.InDelta(t, want.Mean, float64(r.Curve.Mean[i]), 1e-12)
		require.InDelta(t, want.StdErr, float64(r.Curve.Error[i]), 1e-12)
	}
	require.Equal(t, r.Curve.Mean[2], r.Values[0].Mean)
	g.add(func(int) float64 { return 1 }, math.Inf(1))
	g.put(&r, 1, "final loss")
	text, err := json.Marshal(r.Values[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"final loss","mean":null,"error":null}`, string(text))
}
