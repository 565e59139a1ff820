package suite

import (
	"cmp"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// SinesOf is a recurrent network that tells the next point of a sine wave from those before it, one step apart, by the mean squared
// error (after Lv, Jiang and Li 2017): A·sin(ωt + φ) with A uniform on [0, 10), ω on [0, π/2), φ on [0, 2π), and noise of N(0, .1²)
// on every point. Every minibatch is of new waves. The weights are lstm.wx [1, 4·hidden], lstm.wh [hidden, 4·hidden], lstm.b, out.w
// [hidden, 1] and out.b; they start as those of CharLSTMOf.
type SinesOf[F params.Float] struct {
	Hidden int // 20 if zero
	Points int // that it is told; 10 if zero
	Batch  int // waves in a minibatch; 128 if zero
}

// Sines is SinesOf in use.
type Sines = SinesOf[float32]

var _ inner.Family = Sines{}

// testWaves is how many waves there are in a test, at least, and keyTest what key those are the children of.
const (
	testWaves = 1024
	keyTest   = 0x77617665
)

// waveNoise is the standard deviation of the noise.
const waveNoise = 0.1

// Sample returns a new instance of the one problem. Fields out of their ranges are errors.
func (f SinesOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	hidden, points, batch := cmp.Or(f.Hidden, 20), cmp.Or(f.Points, 10), cmp.Or(f.Batch, 128)
	if err := check("Sines", size{"a Hidden", hidden}, size{"Points", points}, size{"a Batch", batch}); err != nil {
		return nil, err
	}
	n := &sineNet[F]{
		x: make([]F, points*batch), y: make([]F, batch), draws: rng.New(0),
		dh: make([]F, batch*hidden), out: make([]F, batch), e: make([]F, batch),
	}
	n.lstm = newLSTM[F](&n.plan, 1, hidden, points, batch)
	n.top = newDense[F](&n.plan, "out", hidden, 1)
	n.dOut = func(t int) []F {
		if t == points-1 {
			return n.dh
		}
		return nil
	}
	return newProblem[F](n)
}

type sineNet[F params.Float] struct {
	plan
	lstm   *lstm[F]
	top    dense[F]
	x      []F // [points, batch]
	y      []F
	draws  *rng.Stream
	dh     []F // cotangent of the last output
	dOut   func(t int) []F
	out, e []F
}

func (n *sineNet[F]) params() params.Layout { return n.layout }

func (n *sineNet[F]) start(theta []F, key uint64) {
	n.lstm.start(theta, rng.Split(key, 0))
	n.top.start(theta, rng.Split(key, 1), 1)
}

func (n *sineNet[F]) draw(key uint64) {
	n.draws.Reset(key)
	waves := len(n.y)
	for i := range waves {
		amplitude, speed, phase := 10*n.draws.Float64(), math.Pi/2*n.draws.Float64(), 2*math.Pi*n.draws.Float64()
		for t := range n.lstm.steps + 1 {
			v := F(amplitude*math.Sin(speed*float64(t)+phase) + waveNoise*n.draws.NormFloat64())
			if t == n.lstm.steps {
				n.y[i] = v
			} else {
				n.x[t*waves+i] = v
			}
		}
	}
}

func (n *sineNet[F]) test(i int) int {
	if i*len(n.y) >= testWaves {
		return 0
	}
	n.draw(rng.Split(keyTest, uint64(i)))
	return len(n.y)
}

func (n *sineNet[F]) forward(theta []F) float64 {
	l := n.lstm
	clear(l.z)
	addRow(l.z, of(l.b, theta), len(n.x))
	matrix.Mul(n.z(), matrix.Of(n.x, len(n.x), 1), matrix.Of(of(l.wx, theta), 1, 4*l.hidden), true)
	l.forward(theta)
	n.top.forward(n.out, n.last(), theta, len(n.y))
	return squaredError(n.e, n.out, n.y)
}

func (n *sineNet[F]) z() matrix.Matrix[F] { return matrix.Of(n.lstm.z, len(n.x), 4*n.lstm.hidden) }

// last returns the outputs of the last step.
func (n *sineNet[F]) last() []F { return n.lstm.at(n.lstm.h, n.lstm.steps, n.lstm.hidden) }

func (n *sineNet[F]) backward(grad, theta []F) {
	n.top.gradient(grad, n.last(), n.e, len(n.y))
	n.top.back(n.dh, n.e, theta, len(n.y))
	n.lstm.backward(grad, theta, n.dOut)
	matrix.Mul(matrix.Of(of(n.lstm.wx, grad), 1, 4*n.lstm.hidden), matrix.Of(n.x, len(n.x), 1).T(), n.z(), false)
}
