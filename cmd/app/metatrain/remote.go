package metatrain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/internal/atomicfile"
	"github.com/seed1498fded/unroll/internal/build"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/dist/queue"
)

// Files of a run that others learn with, beside those of every run.
const (
	addressFile  = "address"   // where its server is, while it runs
	tokenFile    = "token"     // what whoever connects must have, unless it is elsewhere
	streamFolder = "jetstream" // what the server keeps, while it runs
)

// A remote is who else learns. Nil is nobody. Its pool is of use between open and close.
type remote struct {
	network
	settled bool // the outer rate settles over episodes that somebody has said
	threads int  // goroutines of this process that work beside the workers; 0 for none

	dir      string
	server   *queue.Server
	learner  *queue.Learner
	page     *page // nil for none
	progress cli.Progress
	stop     context.CancelFunc // of what goes on in this process
	all      sync.WaitGroup
}

var _ dist.Pool = (*remote)(nil)

// remote returns who else learns, nil if nobody does.
func (n network) remote(o options) (*remote, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	if !n.on() {
		return nil, nil
	}
	if err := n.try(); err != nil {
		return nil, err
	}
	return &remote{network: n, settled: !o.Settle || o.Given("episodes"), threads: int(o.Workers)}, nil
}

// flag returns the name of the flag that others help by.
func (r *remote) flag() string {
	if r.Nats != "" {
		return "nats"
	}
	return "listen"
}

// suits reports settings that workers can't have: they open no file that they hear of.
func (r *remote) suits(s settings) error {
	if r == nil {
		return nil
	}
	if err := s.travels(); err != nil {
		return fmt.Errorf("%w: not with --%s: workers open no file that they hear of", err, r.flag())
	}
	if s.Settle && !r.settled && s.Cosine == 0 {
		return fmt.Errorf("--settle: with --%s say --episodes, since nobody knows how many workers there will be", r.flag())
	}
	return nil
}

// travels reports what of the settings is a name of a file.
func (s settings) travels() error {
	switch {
	case s.Data != "":
		return fmt.Errorf("--data %s", s.Data)
	case catalog.Mixed(s.Problem) && !slices.Contains(catalog.Names(), s.Problem):
		return fmt.Errorf("--problem %s", s.Problem)
	case s.distils():
		return fmt.Errorf("--estimator %s, whose teacher is --from %s", distils, s.From)
	}
	return nil
}

// open begins to have workers, and returns what shows progress with them.
func (r *remote) open(ctx context.Context, s *session, progress cli.Progress) (cli.Progress, error) {
	if r == nil {
		return progress, nil
	}
	r.dir, r.progress = s.dir, progress
	connection, err := r.connect()
	if err != nil {
		return nil, err
	}
	c := s.settings
	c.From = "" // phi has begun there
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b := build.Here()
	log := func(line string) { progress.Log("%s", line) }
	r.learner, err = queue.NewLearner(ctx, queue.LearnerConfig{
		Connection: connection, Settings: text, Program: program(b), Kernels: b.Instructions, AnyKernels: r.AnyKernels, New: s.newEvaluator(s.workers), Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", r.flag(), err)
	}
	r.page = s.page
	r.page.help(r.learner)
	running, stop := context.WithCancel(ctx)
	r.stop = stop
	if r.threads > 0 {
		r.all.Go(func() {
			w := queue.WorkerConfig{Connection: connection, Program: program(b), Kernels: b.Instructions, Goroutines: r.threads, Build: evaluators}
			if err := queue.Work(running, w); err != nil && running.Err() == nil {
				log(err.Error())
			}
		})
	}
	shown := &crowd{Progress: progress, stats: r.learner.Stats}
	r.all.Go(func() { shown.refresh(running) })
	return shown, nil
}

// connect starts the server, or finds the one that there is.
func (r *remote) connect() (c queue.Connection, err error) {
	if r.Nats != "" {
		return r.connection("nats", r.Nats)
	}
	token, fresh, err := r.ownSecret(r.dir)
	if err != nil {
		return c, err
	}
	secure, err := r.serverTLS()
	if err != nil {
		return c, err
	}
	streams := filepath.Join(r.dir, streamFolder)
	if err := os.RemoveAll(streams); err != nil { // of a learner that has died: nobody needs them
		return c, err
	}
	r.server, err = queue.NewServer(queue.ServerConfig{Listen: r.Listen, Dir: streams, Token: token, TLS: secure})
	if err != nil {
		return c, fmt.Errorf("--listen: %w", err)
	}
	address := r.address(secure != nil)
	if err := atomicfile.WriteFile(filepath.Join(r.dir, addressFile), []byte(address+"\n")); err != nil {
		return c, err
	}
	r.progress.Log("workers may join: metatrain --connect %s --token-file %s", address, cmp.Or(r.TokenFile, fresh, filepath.Join(r.dir, tokenFile)))
	return queue.Connection{Server: r.server, Token: token}, nil
}

// address returns the server's, as others see it.
func (r *remote) address(secure bool) string {
	host, _, err := net.SplitHostPort(r.Listen)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	scheme := "nats"
	if secure {
		scheme = "tls"
	}
	return scheme + "://" + net.JoinHostPort(cmp.Or(host, "127.0.0.1"), fmt.Sprint(r.server.Port()))
}

// Do implements dist.Pool.
func (r *remote) Do(ctx context.Context, tasks []dist.Task) ([]dist.Result, error) {
	if r.learner == nil {
		return nil, errors.New("nobody has been asked to help yet")
	}
	return r.learner.Do(ctx, tasks)
}

// observe tells with each validation what there was.
func (r *remote) observe(e meta.Event) error {
	if r != nil && r.learner != nil && e.Record != nil {
		r.progress.Log("%s; %s", r.learner.Stats(), r.learner.Stats().Totals())
	}
	return nil
}

// end lets the workers go: there is nothing to do any more.
func (r *remote) end(ctx context.Context) error {
	if r == nil || r.learner == nil {
		return nil
	}
	r.progress.Log("%s", r.learner.Stats().Totals())
	if err := r.learner.End(ctx); err != nil {
		return err
	}
	r.close()
	if r.Listen != "" {
		return errors.Join(os.Remove(filepath.Join(r.dir, addressFile)), os.RemoveAll(filepath.Join(r.dir, streamFolder)))
	}
	return nil
}

// close ends what goes on in this process. Workers wait for the run to be resumed, unless end has let them go.
func (r *remote) close() {
	if r == nil {
		return
	}
	if r.stop != nil {
		r.stop()
	}
	r.all.Wait()
	r.page.help(nil)
	if r.learner != nil {
		r.learner.Close()
	}
	if r.server != nil {
		r.server.Shutdown()
	}
	r.stop, r.learner, r.server = nil, nil, nil
}

// program names what bits depend on beside settings and instructions.
func program(b build.Info) string {
	modified := ""
	if b.Modified {
		modified = " modified"
	}
	return fmt.Sprintf("unroll %s %s%s %s", b.Version, b.Revision, modified, b.Go)
}

// newEvaluator returns what makes evaluators of the run's tasks, with a number of goroutines each, 0 for the default.
func (s *session) newEvaluator(workers int) func() (dist.Evaluator, error) {
	return func() (dist.Evaluator, error) {
		family, err := s.settings.family(catalog.Train)
		if err != nil {
			return nil, err
		}
		if s.settings.searches() {
			e, err := s.newCandidate(family)()
			if err != nil {
				return nil, err
			}
			return dist.Candidate(e), nil
		}
		e, err := s.single(family, workers)
		if err != nil {
			return nil, err
		}
		return dist.NewMember(e)
	}
}

// evaluators are what a worker makes of the settings of a learner.
func evaluators(text json.RawMessage) (func() (dist.Evaluator, error), error) {
	s := &session{workers: 1}
	if err := json.Unmarshal(text, &s.settings); err != nil {
		return nil, fmt.Errorf("the learner's settings: %w", err)
	}
	if err := s.settings.travels(); err != nil || s.settings.From != "" {
		return nil, fmt.Errorf("the learner's settings name a file: %w", cmp.Or(err, errors.New("--from")))
	}
	if err := s.settings.canonical(); err != nil {
		return nil, fmt.Errorf("the learner's settings: %w", err)
	}
	if err := s.understand(); err != nil {
		return nil, fmt.Errorf("the learner's settings: %w", err)
	}
	return s.newEvaluator(1), nil
}
