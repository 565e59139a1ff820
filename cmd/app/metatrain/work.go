package metatrain

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/internal/build"
	"github.com/seed1498fded/unroll/meta/dist/queue"
)

// besides lists the flags that a worker may have.
var besides = map[string]bool{
	"connect": true, "token-file": true, "token": true, "tls-ca": true, "workers": true, "progress": true, "config": true,
}

// work is the command as a worker: it does what the learner says until that has ended.
func work(ctx context.Context, o options, stderr io.Writer) error {
	for _, name := range o.Flags() {
		if !besides[name] {
			return fmt.Errorf("--%s: not with --connect; the learner says all about the run", name)
		}
	}
	if err := o.network.check(); err != nil {
		return err
	}
	connection, err := o.connection("connect", o.Connect)
	if err != nil {
		return err
	}
	progress, err := cli.NewProgress(o.Progress, stderr, "metatrain")
	if err != nil {
		return err
	}
	defer progress.Close()
	b := build.Here()
	return queue.Work(ctx, queue.WorkerConfig{
		Connection: connection, Program: program(b), Kernels: b.Instructions, Goroutines: cmp.Or(int(o.Workers), runtime.GOMAXPROCS(0)),
		Build: evaluators, Log: func(line string) { progress.Log("%s", line) },
	})
}
