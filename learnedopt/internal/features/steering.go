package features

import "math"

// Observed is what a Controller goes by, in numbers: Squares, and where a run is.
type Observed struct {
	Grad, Theta   float64    // means of squares
	Averages      [2]float64 // likewise
	Shape         []int      // of a matrix or a vector
	Net           OfNet
	Step, Horizon int // the horizon is 0 if it is not known
}

// A Steering is a Controller's factor of a tensor in a step, in numbers, for kernels.
type Steering struct {
	of                 Observed
	at                 place
	schedule, controls []float32 // of the controls those that are multiplied with seen
	progress           float64   // among the knots
	knots              [knots]float64
	seen               [seen]float64
	length             float64 // log₁₀(T/300), and 0 in a run that the rule is not told the length of
	outputs            float64 // 0 where they are not seen
	fixed              float64 // what there is to v beside these
}

// A place is where the numbers for a run are in phi.
type place struct {
	schedule, length, controls, outputs int // length and outputs are −1 where there are none
}

// place says where, for a run of so many steps, 0 if the rule is not told.
func (c Controller) place(horizon int) place {
	outputs := -1
	if c.Outputs {
		outputs = c.Len() - 1
	}
	switch h := c.horizon(); {
	case h == Free:
		return place{0, -1, knots, outputs}
	case h == Known:
		return place{0, knots, knots + 1, outputs}
	case horizon > 0:
		return place{0, 2 * knots, 2*knots + 1, outputs}
	}
	return place{knots, -1, 2*knots + 1, outputs}
}

// Steer returns the factor that the controller's phi gives.
func (c Controller) Steer(phi []float32, x Observed) Steering {
	l := c.place(x.Horizon)
	s := Steering{of: x, at: l, schedule: phi[l.schedule:][:knots], controls: phi[l.controls:][:seen]}
	t := float64(x.Step)
	if l.length < 0 {
		s.progress, s.knots = math.Log10(t+1), untoldKnots
	} else {
		length := float64(max(x.Horizon, 1))
		s.progress, s.knots, s.length = t/length, toldKnots, math.Log10(length/300)
		s.fixed = float64(phi[l.length]) * s.length
	}
	if l.outputs >= 0 {
		s.outputs = c.outputs(x.Net)
		s.fixed += float64(phi[l.outputs]) * s.outputs
	}
	rows, vector := rowsOrVector(x.Shape)
	s.seen = [...]float64{
		(math.Log(math.Sqrt(x.Theta)+.01) + 2.3) / 2, rows, vector, math.Exp(-t / 10), x.Net.depth(),
		(x.signal(0) + 1) / 2, (x.signal(1) + 1.5) / 2,
	}
	return s
}

// exponent is 5v.
func (s *Steering) exponent() float64 {
	v := s.fixed + float64(s.schedule[0])
	for k := range knots - 1 {
		v += float64(s.schedule[k+1]-s.schedule[k]) * s.part(k)
	}
	for i, x := range s.seen {
		v += float64(s.controls[i]) * x
	}
	return gain * v
}

// part is how much of the way from one knot to the next has been made, from 0 to 1.
func (s *Steering) part(k int) float64 {
	return min(max((s.progress-s.knots[k])/(s.knots[k+1]-s.knots[k]), 0), 1)
}

// Rate returns 1e-3 times the factor.
func (s *Steering) Rate() float64 { return ratedAt * s.Factor() }

// Factor returns the factor.
func (s *Steering) Factor() float64 { return math.Exp(min(max(s.exponent(), -limit), limit)) }

// RateBack is Back for the cotangent of Rate.
func (s *Steering) RateBack(dRate float64, dPhi []float64) (dGrad, dTheta float64, dAverages [2]float64) {
	return s.Back(dRate*ratedAt, dPhi)
}

// Back adds to dPhi, of the controller's phi, what the factor's cotangent gives, and returns the cotangents of the means of squares.
func (s *Steering) Back(dFactor float64, dPhi []float64) (dGrad, dTheta float64, dAverages [2]float64) {
	if math.Abs(s.exponent()) > limit {
		return 0, 0, dAverages
	}
	dv := dFactor * s.Factor() * gain
	schedule, controls := dPhi[s.at.schedule:], dPhi[s.at.controls:]
	schedule[0] += dv
	for k := range knots - 1 {
		x := dv * s.part(k)
		schedule[k] -= x
		schedule[k+1] += x
	}
	if s.at.length >= 0 {
		dPhi[s.at.length] += dv * s.length
	}
	if s.at.outputs >= 0 {
		dPhi[s.at.outputs] += dv * s.outputs
	}
	for i, x := range s.seen {
		controls[i] += dv * x
	}
	if root := math.Sqrt(s.of.Theta); root > 0 {
		dTheta = dv * float64(s.controls[0]) / 4 / (root + .01) / root
	}
	for k := range dAverages {
		d, of := s.of.signalBack(k, dv*float64(s.controls[5+k])/2)
		dAverages[k], dGrad = d, dGrad+of
	}
	return dGrad, dTheta, dAverages
}

// signal is half the logarithm of Σm̂²/Σg², from −4 to 1, with m the k-th average after the step.
func (x *Observed) signal(k int) float64 {
	above, below, _ := x.signalParts(k)
	return min(max(math.Log(above/below)/2, -4), 1)
}

func (x *Observed) signalParts(k int) (above, below, unbias float64) {
	unbias = math.Expm1(math.Log(SignalDecays[k]) * (float64(x.Step) + 1))
	unbias *= unbias
	return x.Averages[k]/unbias + 1e-22, x.Grad + 1e-20, unbias
}

// signalBack returns the cotangents of the means that a signal is made of.
func (x *Observed) signalBack(k int, d float64) (dAverage, dGrad float64) {
	above, below, unbias := x.signalParts(k)
	if l := math.Log(above/below) / 2; l < -4 || l > 1 {
		return 0, 0
	}
	return d / 2 / above / unbias, -d / 2 / below
}
