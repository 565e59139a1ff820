package credit

import (
	"math"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// An Alignment compares a rule's signal at a block with the gradient, over the examples of a batch.
type Alignment struct {
	Degrees   float64 // mean angle between δ and backprop's δ of the same example: 0 along, 90 at a right angle
	NormRatio float64 // mean ratio of their lengths
}

// Align compares the rule's signal with the gradient for the images of a minibatch, for each block but the last, from the
// first up. Examples for which either is zero are left out; an Alignment of none is NaN.
func (p *ProblemOf[F]) Align(theta []F, images []int, key uint64) ([]Alignment, error) {
	checkLen("theta", theta, p.layout.Len())
	net, own := p.split(theta)
	p.load(p.family.Data, images)
	p.family.Net.Forward(p.trace, net)
	truth, err := p.backprop(net)
	if err != nil {
		return nil, err
	}
	if err := p.assigner.Assign(p.signal, p.trace, net, own, key); err != nil {
		return nil, err
	}
	return align(p.family.Net, p.signal, truth, p.trace.N), nil
}

func align[F params.Float](net *nets.NetOf[F], s, truth *SignalOf[F], n int) []Alignment {
	var all []Alignment
	for l := range net.Blocks() - 1 {
		size := net.Pre(l).Size()
		var a Alignment
		count := 0
		for i := range n {
			angle, ratio, ok := between(s.Delta[l][i*size:(i+1)*size], truth.Delta[l][i*size:(i+1)*size])
			if ok {
				a.Degrees += angle
				a.NormRatio += ratio
				count++
			}
		}
		a.Degrees /= float64(count)
		a.NormRatio /= float64(count)
		all = append(all, a)
	}
	return all
}

// between returns the angle between two vectors, in degrees, and the ratio of their lengths; it does not if one is zero. The
// angle is Kahan's: right for vectors that are nearly parallel, too, where the cosine says nothing.
func between[F params.Float](a, b []F) (degrees, ratio float64, ok bool) {
	na, nb := norm(a), norm(b)
	if na == 0 || nb == 0 {
		return 0, 0, false
	}
	var less, more float64
	for i, x := range a {
		u, v := float64(x)/na, float64(b[i])/nb
		less += (u - v) * (u - v)
		more += (u + v) * (u + v)
	}
	return 2 * math.Atan2(math.Sqrt(less), math.Sqrt(more)) * 180 / math.Pi, na / nb, true
}

func norm[F params.Float](v []F) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
