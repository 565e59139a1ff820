package queue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/dist/queue"
)

// A learner, with a server of its own, and a worker, here in the same process: elsewhere it is one that knows the server's address and
// the token. The mean of four estimates has the bits that it has where all are made here.
func Example() {
	ctx, dir, secret := context.Background(), must(os.MkdirTemp("", "queue")), queue.NewToken()
	defer os.RemoveAll(dir)
	small := &lstm.Rule{Hidden: 4, Layers: 1}
	bptt := func() (meta.Estimator, error) {
		return meta.NewBPTT(meta.BPTTConfig{Rule: small, Family: inner.Quadratic{}, Horizon: 10, Window: 5})
	}
	evaluator := func() (dist.Evaluator, error) {
		e, err := bptt()
		if err != nil {
			return nil, err
		}
		return dist.NewMember(e)
	}

	server := must(queue.NewServer(queue.ServerConfig{Dir: dir, Token: secret}))
	defer server.Shutdown()
	learner := must(queue.NewLearner(ctx, queue.LearnerConfig{
		Connection: queue.Connection{Server: server, Token: secret}, Settings: json.RawMessage(`"small"`), New: evaluator,
	}))
	defer learner.Close()
	gone := make(chan error)
	go func() {
		gone <- queue.Work(ctx, queue.WorkerConfig{
			Connection: queue.Connection{URL: fmt.Sprintf("nats://127.0.0.1:%d", server.Port()), Token: secret},
			Build:      func(json.RawMessage) (func() (dist.Evaluator, error), error) { return evaluator, nil },
		})
	}()

	estimate := func(pool dist.Pool) []float32 {
		e := must(dist.NewEstimator(dist.EstimatorConfig{Count: 4, Pool: pool, New: bptt}))
		grad := make([]float32, e.Phi().Len())
		must(e.Estimate(ctx, grad, learnedopt.Phi(small, 1), 7))
		return grad
	}
	here, there := estimate(must(dist.Goroutines(1, evaluator))), estimate(learner)
	fmt.Println("the same bits:", fmt.Sprint(here) == fmt.Sprint(there))
	fmt.Println("errors at the end:", learner.End(ctx), <-gone)
	// Output:
	// the same bits: true
	// errors at the end: <nil> <nil>
}

func must[T any](x T, err error) T {
	if err != nil {
		log.Panic(err)
	}
	return x
}
