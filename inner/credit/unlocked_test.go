package credit

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// adamMover is Kingma and Ba's Adam.
type adamMover[F params.Float] struct {
	rate float64
	m, v []float64
	t    float64
}

func newAdamMover[F params.Float](l params.Layout) (MoverOf[F], error) {
	return &adamMover[F]{rate: 1e-3, m: make([]float64, l.Len()), v: make([]float64, l.Len())}, nil
}

// newFasterModels moves models ten times as fast as the net.
func newFasterModels[F params.Float](l params.Layout) (MoverOf[F], error) {
	m, err := newAdamMover[F](l)
	if strings.HasPrefix(l[0].Name, "sg") {
		m.(*adamMover[F]).rate *= 10
	}
	return m, err
}

func (a *adamMover[F]) Step(theta, grad []F) error {
	a.t++
	for i, g := range grad {
		g := float64(g)
		a.m[i] = 0.9*a.m[i] + 0.1*g
		a.v[i] = 0.999*a.v[i] + 0.001*g*g
		m, v := a.m[i]/(1-math.Pow(0.9, a.t)), a.v[i]/(1-math.Pow(0.999, a.t))
		theta[i] -= F(a.rate * m / (math.Sqrt(v) + 1e-8))
	}
	return nil
}

// unlockedFamily is a net of five blocks on 16 inputs.
func unlockedFamily[F params.Float](t *testing.T, name, config string) FamilyOf[F] {
	set := problemtest.Images(40, 4)
	tanh := nets.Activation("tanh")
	net, err := nets.New[F](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.CrossEntropy,
		nets.Dense{Units: 12}, tanh, nets.Dense{Units: 12}, tanh, nets.Dense{Units: 12}, nets.Skip{}, tanh,
		nets.Dense{Units: 10}, tanh, nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	rule, err := Named[F](name, json.RawMessage(config))
	require.NoError(t, err)
	return FamilyOf[F]{Net: net, Rule: rule, Data: set, Batch: 8}
}

// soon is a context for what must not hang.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// unlocked trains from the start of key 1 and returns where it leads.
func unlocked[F params.Float](t *testing.T, u UnlockedOf[F], minibatches int) (theta []F, loss float64) {
	if u.Mover == nil {
		u.Mover = newAdamMover[F]
	}
	p, err := u.Pipeline()
	require.NoError(t, err)
	theta = make([]F, p.Problem().Params().Len())
	p.Problem().Init(theta, 1)
	loss, err = p.Train(soon(t), theta, 2, minibatches)
	require.NoError(t, err)
	return theta, loss
}

// locked trains the same problem with one mover, a minibatch after the other.
func locked[F params.Float](t *testing.T, f FamilyOf[F], minibatches int) (theta []F, loss float64) {
	p, err := f.Problem()
	require.NoError(t, err)
	m, err := newAdamMover[F](p.Params())
	require.NoError(t, err)
	theta = make([]F, p.Params().Len())
	p.Init(theta, 1)
	grad := make([]F, len(theta))
	for i := range minibatches {
		l, err := p.Eval(grad, theta, rng.Split(2, uint64(i)))
		require.NoError(t, err)
		require.NoError(t, m.Step(theta, grad))
		loss += l
	}
	return theta, loss / float64(minibatches)
}

// Unlocked without delay is the locked rule, to the bit.
func TestUnlockedWithoutDelayIsTheRule(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("float32", testUnlockedIsTheRule[float32])
	t.Run("float64", testUnlockedIsTheRule[float64])
}

func testUnlockedIsTheRule[F params.Float](t *testing.T) {
	for _, r := range []struct{ name, config string }{{"dni", ""}, {"cdni", ""}, {"cdni", `{"hidden": 1, "width": 7}`}} {
		f := unlockedFamily[F](t, r.name, r.config)
		want, wantLoss := locked(t, f, 30)
		got, gotLoss := unlocked(t, UnlockedOf[F]{Family: f}, 30)
		require.Equal(t, want, got, "%s %s", r.name, r.config)
		require.Equal(t, wantLoss, gotLoss)

		late, _ := unlocked(t, UnlockedOf[F]{Family: f, Delay: 1}, 30)
		require.NotEqual(t, want, late, "else a delay is none")
	}
}

// If all messages are lost, the models stay at zero: only the last block learns.
func TestUnlockedWithoutMessagesIsNone(t *testing.T) {
	defer goleak.VerifyNone(t)
	want, wantLoss := locked(t, unlockedFamily[float64](t, "none", ""), 20)
	got, gotLoss := unlocked(t, UnlockedOf[float64]{Family: unlockedFamily[float64](t, "cdni", ""), Drop: 1, Delay: 2}, 20)
	assert.Equal(t, want, got[:len(want)])
	assert.Equal(t, make([]float64, len(got)-len(want)), got[len(want):])
	assert.Equal(t, wantLoss, gotLoss)
}

// What UnlockedOf says block l does, by one goroutine: the weights for minibatch b have moved b times, and the models have
// heard what is not lost of the messages up to b−1−Delay, each made with the weights and models that its minibatch saw.
func TestUnlockedIsItsDescription(t *testing.T) {
	defer goleak.VerifyNone(t)
	const minibatches, delay, drop = 12, 2, 0.3
	f := unlockedFamily[float64](t, "cdni", "")
	got, _ := unlocked(t, UnlockedOf[float64]{Family: f, Delay: delay, Drop: drop}, minibatches)

	p, err := f.Problem()
	require.NoError(t, err)
	y := p.assigner.(*synthetic[float64])
	theta := make([]float64, len(got))
	p.Init(theta, 1)
	net, own := p.split(theta)
	weights, _ := newAdamMover[float64](f.Net.Params())
	var movers []MoverOf[float64]
	for _, m := range y.models {
		mover, _ := newAdamMover[float64](m.layout())
		movers = append(movers, mover)
	}
	batch := newBatch(p)
	var saw [][]float64
	assign := func(b int, theta []float64) {
		batch.draw(p, rng.Split(2, uint64(b)), drop)
		net, own := p.split(theta)
		f.Net.Forward(batch.trace, net)
		require.NoError(t, y.Assign(p.signal, batch.trace, net, own, 0))
	}
	hear := func(b int) {
		if b < 0 {
			return
		}
		assign(b, saw[b])
		for l, m := range y.models {
			if batch.lost[l] {
				continue
			}
			part := y.part(own, l)
			d := make([]float64, len(part))
			m.predict(y.dh[l], batch.trace, part)
			require.NoError(t, m.learn(d, y.target[l], part))
			require.NoError(t, movers[l].Step(part, d))
		}
	}
	grad := make([]float64, len(net))
	for b := range minibatches {
		hear(b - 1 - delay)
		saw = append(saw, append([]float64(nil), theta...))
		assign(b, theta)
		p.signal.Gradient(f.Net, grad, batch.trace)
		require.NoError(t, weights.Step(net, grad))
	}
	for b := minibatches - 1 - delay; b < minibatches; b++ {
		hear(b)
	}
	assert.Equal(t, theta, got)
}

// The same bits on any number of processors.
func TestUnlockedDoesNotDependOnTheScheduler(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	u := UnlockedOf[float32]{Family: unlockedFamily[float32](t, "cdni", ""), Delay: 1, Drop: 0.5}
	want, wantLoss := unlocked(t, u, 40)
	for _, processors := range []int{2, 3, 8} {
		runtime.GOMAXPROCS(processors)
		got, gotLoss := unlocked(t, u, 40)
		require.Equal(t, want, got)
		require.Equal(t, wantLoss, gotLoss)
	}
}

// Half of the messages lost, the rest late, and still the hidden blocks learn what the last one alone can't.
func TestUnlockedLearnsFromHalfTheMessages(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := unlockedFamily[float32](t, "cdni", "")
	f.Data, f.Batch = clusters(400, 12, 0.15), 32
	wrong := func(drop float64) float64 {
		p, err := UnlockedOf[float32]{Family: f, Delay: 2, Drop: drop, Mover: newFasterModels[float32]}.Pipeline()
		require.NoError(t, err)
		theta := make([]float32, p.Problem().Params().Len())
		p.Problem().Init(theta, 1)
		_, err = p.Train(soon(t), theta, 2, 1500)
		require.NoError(t, err)
		rate, err := p.Problem().ErrorRate(theta, f.Data)
		require.NoError(t, err)
		return rate
	}
	half, none := wrong(0.5), wrong(1)
	assert.Less(t, half, 0.4*none)
}

// clusters makes up n images of 4×4 pixels round random centres, which take turns in 4 classes.
func clusters(n, centres int, noise float64) *data.Set {
	s := &data.Set{Labels: make([]byte, n), Rows: 4, Cols: 4, Classes: 4}
	middle, off := make([]float64, centres*16), make([]float64, n*16)
	rng.Uniform(middle, 1, 0, 1)
	rng.Normal(off, 2, noise)
	for i, v := range off {
		v += middle[i/16%centres*16+i%16]
		s.Images = append(s.Images, byte(255*max(0, min(1, v))))
	}
	for i := range s.Labels {
		s.Labels[i] = byte(i % centres % s.Classes)
	}
	return s
}

// moverFunc is a mover for one test.
type moverFunc func() error

func (f moverFunc) Step(_, _ []float64) error { return f() }

// The bottom block moves Delay+1 times before the top has moved at all. A locked one would wait for ever.
func TestUnlockedDoesNotWaitForTheBlocksAbove(t *testing.T) {
	defer goleak.VerifyNone(t)
	const delay = 3
	moved := make(chan struct{})
	ctx := soon(t)
	u := UnlockedOf[float64]{Family: unlockedFamily[float64](t, "cdni", ""), Delay: delay}
	u.Mover = func(l params.Layout) (MoverOf[float64], error) {
		steps := 0
		return moverFunc(func() error {
			steps++
			switch {
			case l[0].Name == "w0" && steps == delay+1:
				close(moved)
			case l[0].Name == "w4" && steps == 1:
				select {
				case <-moved:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		}), nil
	}
	p, err := u.Pipeline()
	require.NoError(t, err)
	theta := make([]float64, p.Problem().Params().Len())
	p.Problem().Init(theta, 1)
	_, err = p.Train(ctx, theta, 2, 10)
	require.NoError(t, err)
}

// Errors of movers surface, whichever block's; the context ends a run; a pipeline that failed is none the worse.
func TestUnlockedEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	broken := errors.New("broken")
	f := unlockedFamily[float64](t, "cdni", "")
	f.Rule = CDNIOf[float64]{}
	for _, tt := range []struct{ name, want string }{
		{"w0", "credit: unlocked: block 0, minibatch 4: broken"},
		{"w4", "credit: unlocked: block 4, minibatch 4: broken"},
		{"sg2.w0", "credit: unlocked: block 2, minibatch 6: broken"},
		{"sg0.w0", "credit: unlocked: block 0, minibatch 6: broken"},
	} {
		fail := true
		u := UnlockedOf[float64]{Family: f, Delay: 1}
		u.Mover = func(l params.Layout) (MoverOf[float64], error) {
			steps := 0
			return moverFunc(func() error {
				steps++
				if fail && l[0].Name == tt.name && steps == 5 {
					return broken
				}
				return nil
			}), nil
		}
		p, err := u.Pipeline()
		require.NoError(t, err)
		theta := make([]float64, p.Problem().Params().Len())
		p.Problem().Init(theta, 1)
		_, err = p.Train(soon(t), theta, 2, 40)
		require.ErrorIs(t, err, broken)
		require.EqualError(t, err, tt.want)

		fail = false
		want, err := p.Train(soon(t), theta, 2, 40)
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(broken)
		_, err = p.Train(ctx, theta, 2, 40)
		require.ErrorIs(t, err, broken)
		got, err := p.Train(soon(t), theta, 2, 40)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// A context that is cancelled under way ends blocks that wait for others.
func TestUnlockedIsCancelledUnderWay(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(context.Background())
	u := UnlockedOf[float64]{Family: unlockedFamily[float64](t, "dni", "")}
	u.Mover = func(l params.Layout) (MoverOf[float64], error) {
		return moverFunc(func() error {
			if l[0].Name == "w2" {
				cancel()
				<-ctx.Done()
			}
			return nil
		}), nil
	}
	p, err := u.Pipeline()
	require.NoError(t, err)
	theta := make([]float64, p.Problem().Params().Len())
	p.Problem().Init(theta, 1)
	_, err = p.Train(ctx, theta, 2, 1000)
	require.ErrorIs(t, err, context.Canceled)
}

func TestUnlockedSettings(t *testing.T) {
	f := unlockedFamily[float64](t, "cdni", "")
	other := f
	other.Rule = BPLambdaOf[float64]{}
	noMover := func(params.Layout) (MoverOf[float64], error) { return nil, errors.New("no such mover") }
	for _, tt := range []struct {
		u    UnlockedOf[float64]
		want string
	}{
		{UnlockedOf[float64]{Family: f}, "credit: unlocked: no mover"},
		{UnlockedOf[float64]{Family: f, Mover: noMover}, "credit: unlocked: block 0: no such mover"},
		{UnlockedOf[float64]{Family: f, Mover: noMover, Delay: -1}, "credit: unlocked: a delay of -1 minibatches; want 0 or more"},
		{UnlockedOf[float64]{Family: f, Mover: noMover, Drop: math.NaN()}, "credit: unlocked: messages are lost with probability NaN; want 0 to 1"},
		{UnlockedOf[float64]{Family: f, Mover: noMover, Drop: 1.5}, "credit: unlocked: messages are lost with probability 1.5; want 0 to 1"},
		{UnlockedOf[float64]{Family: other, Mover: noMover}, "credit: unlocked: the rule bplambda waits for the layers above; want dni or cdni"},
		{UnlockedOf[float64]{Mover: noMover}, "credit: no net"},
	} {
		_, err := tt.u.Pipeline()
		assert.EqualError(t, err, tt.want)
	}
}
