package plastic

import (
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// ConditioningOf is classical conditioning, which Bengio, Bengio and Cloutier had a rule find in a circuit like that of Aplysia
// (Learning a synaptic learning rule, 1990): six preparations side by side, each a neuron with two conditioned stimuli, A and B,
// whose synapses learn what they foretell of an unconditioned one, US. What becomes of each, to Rescorla and Wagner (1972):
//
//	preparation    first block   second block   then the response to   is
//	acquisition    A with US     A with US      A                      1
//	extinction     A with US     A              A                      0
//	blocking       A with US     AB with US     B                      0
//	control        nothing       AB with US     B                      1/2
//	cs             A             A              A                      0
//	us             US            US             A                      0
//
// The protocol is ours. A preparation's weights are a tensor by its name, [2, 1], and its response is
//
//	r = clip(w·cs, 0, 1.5),  y = clip(w·cs + Drive·us, 0, 1.5),  m = us − r.
//
// For each tensor synapses feel pre (cs, [1, 2]), and as [1, 1] potential (w·cs + Drive·us), post (y), target (us) and mod (m). A
// life is two blocks, a step for each trial. The loss is the sum of the squared distances of the six responses from those above,
// its derivative is that with 0 for the slope of the clip outside its bounds, and the score is the responses by name.
//
// A delta rule of rate 0.3, Δw = 0.3·cs·m, has 1, 0, 0, 1/2, 0, 0. The problem has one member.
type ConditioningOf[F params.Float] struct {
	Block int     // trials in a block; 20 if zero
	Mod   string  // what mod is: "error", us − r, or "target", us alone; "error" if empty
	Drive float64 // how much the US drives the neuron by itself; 0 or more
	Start float64 // weights start from the uniform distribution on 0 to Start; 0 or more
}

// Conditioning is ConditioningOf in use.
type Conditioning = ConditioningOf[float32]

var _ inner.Family = Conditioning{}

// A preparation is one circuit's protocol.
type preparation struct {
	name   string
	blocks [blocks]trial
	tested int     // the stimulus that is tested in the end
	want   float64 // the response to it
}

// A trial says which stimuli come together: 1 for those that do.
type trial struct{ a, b, us float64 }

const (
	blocks  = 2
	stimuli = 2
	ceiling = 1.5 // of a response
)

// preparations lists all six.
var preparations = []preparation{
	{"acquisition", [blocks]trial{{a: 1, us: 1}, {a: 1, us: 1}}, 0, 1},
	{"extinction", [blocks]trial{{a: 1, us: 1}, {a: 1}}, 0, 0},
	{"blocking", [blocks]trial{{a: 1, us: 1}, {a: 1, b: 1, us: 1}}, 1, 0},
	{"control", [blocks]trial{{}, {a: 1, b: 1, us: 1}}, 1, 0.5},
	{"cs", [blocks]trial{{a: 1}, {a: 1}}, 0, 0},
	{"us", [blocks]trial{{us: 1}, {us: 1}}, 0, 0},
}

// Sample returns a new instance of the one problem. It implements inner.SynapticPullbackOf, inner.Lived and inner.ScoredOf.
// Settings out of their ranges are errors.
func (f ConditioningOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	block, err := count("conditioning", "Block", f.Block, 20, 1, 1<<20)
	if err != nil {
		return nil, err
	}
	mod, err := modulatorOf("conditioning", f.Mod)
	if err != nil {
		return nil, err
	}
	drive, err := amount("conditioning", "Drive", f.Drive, 0)
	if err != nil {
		return nil, err
	}
	start, err := amount("conditioning", "Start", f.Start, 0)
	return &circuits[F]{block: block, mod: mod, drive: drive, start: start}, err
}

type circuits[F params.Float] struct {
	block        int
	mod          modulator
	drive, start float64
}

var (
	_ inner.Synaptic         = (*circuits[float32])(nil)
	_ inner.SynapticPullback = (*circuits[float32])(nil)
	_ inner.Lived            = (*circuits[float32])(nil)
	_ inner.Scored           = (*circuits[float32])(nil)
)

func (c *circuits[F]) Params() (l params.Layout) {
	for _, p := range preparations {
		l = append(l, params.Spec{Name: p.name, Shape: []int{stimuli, 1}})
	}
	return l
}

func (c *circuits[F]) len() int { return stimuli * len(preparations) }

func (c *circuits[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, c.len())
	clear(theta)
	if c.start > 0 {
		rng.Uniform(theta, rng.Split(key, keyStart), 0, c.start)
	}
}

// Life implements inner.Lived.
func (c *circuits[F]) Life() int { return blocks * c.block }

// clip returns a response and its slope.
func clip(u float64) (y, slope float64) {
	if u < 0 || u > ceiling {
		return min(max(u, 0), ceiling), 0
	}
	return u, 1
}

func (c *circuits[F]) Eval(grad, theta []F, _ uint64) (float64, error) {
	checkEval(grad, theta, c.len())
	if !kernel.Finite(theta) {
		fillNaN(grad)
		return math.NaN(), nil
	}
	clear(grad)
	loss := 0.0
	for i, p := range preparations {
		at := stimuli*i + p.tested
		y, slope := clip(float64(theta[at]))
		loss += (y - p.want) * (y - p.want)
		if grad != nil {
			grad[at] = F(2 * (y - p.want) * slope)
		}
	}
	return loss, nil
}

// Score implements inner.ScoredOf.
func (c *circuits[F]) Score(theta []F) (map[string]float64, error) {
	checkLen("theta", theta, c.len())
	responses := make(map[string]float64, len(preparations))
	for i, p := range preparations {
		responses[p.name], _ = clip(float64(theta[stimuli*i+p.tested]))
	}
	return responses, nil
}

// circuitSenses is how many numbers the synapses of a preparation feel: pre.w and four more.
const circuitSenses = stimuli + neuronSenses

// Senses implements inner.SynapticOf.
func (c *circuits[F]) Senses() (l params.Layout) {
	for _, p := range preparations {
		l = append(l, params.Spec{Name: params.Pre.Of(p.name), Shape: []int{1, stimuli}})
		for _, s := range neuronOrder {
			l = append(l, params.Spec{Name: s.Of(p.name), Shape: []int{1, 1}})
		}
	}
	return l
}

// at returns the trial of a step; after a life its last block goes on.
func (c *circuits[F]) at(p *preparation, step int) trial {
	return p.blocks[min(step/c.block, blocks-1)]
}

// Sense implements inner.SynapticOf: the trial of the step. The key does not matter.
func (c *circuits[F]) Sense(dst, theta []F, step int, _ uint64) error {
	checkLen("senses", dst, circuitSenses*len(preparations))
	checkLen("theta", theta, c.len())
	for i := range preparations {
		t, w, s := c.at(&preparations[i], step), theta[stimuli*i:], dst[circuitSenses*i:]
		s[0], s[1] = F(t.a), F(t.b)
		u := float64(w[0])*t.a + float64(w[1])*t.b
		r, _ := clip(u)
		y, _ := clip(u + c.drive*t.us)
		s = s[stimuli:]
		s[atPotential], s[atPost], s[atTarget], s[atMod] = F(u+c.drive*t.us), F(y), F(t.us), F(t.us)
		if c.mod == tellsError {
			s[atMod] = F(t.us - r)
		}
	}
	return nil
}

// SensePullback implements inner.SynapticPullbackOf.
func (c *circuits[F]) SensePullback(dTheta, cotangent, theta []F, step int, _ uint64) error {
	checkLen("dTheta", dTheta, c.len())
	checkLen("cotangent", cotangent, circuitSenses*len(preparations))
	checkLen("theta", theta, c.len())
	for i := range preparations {
		t, w, d := c.at(&preparations[i], step), theta[stimuli*i:], cotangent[circuitSenses*i+stimuli:]
		u := float64(w[0])*t.a + float64(w[1])*t.b
		_, response := clip(u)
		_, driven := clip(u + c.drive*t.us)
		du := float64(d[atPotential]) + driven*float64(d[atPost])
		if c.mod == tellsError {
			du -= response * float64(d[atMod])
		}
		dTheta[stimuli*i], dTheta[stimuli*i+1] = F(du*t.a), F(du*t.b)
	}
	return nil
}
