package kernel

// The way back of the parts of perceptron.go.

// A BackBlock is what both ways back of a block are computed from: what Perceptron saw, and the cotangents of its outputs.
type BackBlock struct {
	Units Units
	Averages
	Grad, Theta, Planes, Weights []float32
	DOut                         []float32
}

func (b *BackBlock) check() {
	n := len(b.Grad)
	b.Averages.check(n)
	sameLength(len(b.Theta), n)
	sameLength(len(b.DOut), n)
	sameLength(len(b.Planes), Planes)
	sameLength(len(b.Weights), b.Units.PerceptronWeights())
	atLeast(PlaneBlock, n)
}

// PerceptronBack writes the cotangents of the terms of a block's units to planes, and adds those of the weights to sums, BackSums
// times Lanes.
func PerceptronBack(b *BackBlock, dTerms, sums []float32) {
	b.check()
	sameLength(len(dTerms), Planes)
	sameLength(len(sums), b.Units.BackSums()*Lanes)
	if level == plain {
		b.perceptron(dTerms, sums)
		return
	}
	b.Units.assembly().perceptronBack(b.M[0], b.M[1], b.M[2], b.V, b.Grad, b.Theta, b.Planes, b.Weights, b.DOut, dTerms, sums)
}

// MomentsBack writes the cotangents of what Moments read: of a block's averages, to dState, which may be dNext, the cotangents of the
// next averages that do not come through this step; of gradient and weights; and, to planes, of the factors. The cotangent of the
// gradient lacks what the factors' averages have of it, and that it is limited. Of each streamed feature e, of Streamed numbers,
// times the feature counts as cotangent, beside what comes through the perceptron.
func MomentsBack(b *BackBlock, e []float32, dNext, dState *Averages, dGrad, dTheta, dFactors []float32) {
	b.check()
	dNext.check(len(b.Grad))
	dState.check(len(b.Grad))
	sameLength(len(e), Streamed)
	sameLength(len(dGrad), len(b.Grad))
	sameLength(len(dTheta), len(b.Grad))
	sameLength(len(dFactors), Planes)
	if level == plain {
		b.moments(e, dNext, dState, dGrad, dTheta, dFactors)
		return
	}
	b.Units.assembly().momentsBack(b.M[0], b.M[1], b.M[2], b.V, b.Grad, b.Theta, b.Planes, b.Weights, b.DOut, e,
		dNext.M[0], dNext.M[1], dNext.M[2], dNext.V, dState.M[0], dState.M[1], dState.M[2], dState.V, dGrad, dTheta, dFactors)
}

func (g *Grid) checkBack(d, dDown, dAcross []float32) {
	g.check(d)
	atLeast(len(dDown), (Terms-1)*g.LdDown+g.Rows)
	atLeast(len(dAcross), (Terms-1)*g.LdAcross+g.Cols)
}

// FoldTerms adds the cotangents d of a block's planes of units to those of the rows' terms and of the columns', laid out like terms.
func (g *Grid) FoldTerms(d, dDown, dAcross []float32) {
	g.checkBack(d, dDown, dAcross)
	if level == plain {
		g.fold(0, int(g.Units), d, dDown, dAcross)
		return
	}
	g.Units.assembly().foldTerms(d, g.Down, g.Across, dDown, dAcross, g.Rows, g.Cols, g.LdDown, g.LdAcross)
}

// FoldFactors does with the planes of factors what FoldTerms does with those of units.
func (g *Grid) FoldFactors(d, dDown, dAcross []float32) {
	g.checkBack(d, dDown, dAcross)
	switch level {
	case avx512:
		foldFactorsAVX512(d, g.Down, g.Across, dDown, dAcross, g.Rows, g.Cols, g.LdDown, g.LdAcross)
	case avx2:
		foldFactorsAVX2(d, g.Down, g.Across, dDown, dAcross, g.Rows, g.Cols, g.LdDown, g.LdAcross)
	default:
		g.fold(Factors, Terms, d, dDown, dAcross)
	}
}

func (g *Grid) fold(from, to int, d, dDown, dAcross []float32) {
	for k := from; k < to; k++ {
		at := k * planeStride
		for i := range g.Rows {
			for j := range g.Cols {
				down, across := float32(1), float32(1)
				if k >= Factors {
					down, across = g.Down[k*g.LdDown+i], g.Across[k*g.LdAcross+j]
				}
				dDown[k*g.LdDown+i] += d[at] * across
				dAcross[k*g.LdAcross+j] += d[at] * down
				at++
			}
		}
	}
}

// slope is a rectifier's derivative, at 0 the mean of both sides: a sum is 0 where no unit of the layer before is on.
func slope(x float32) float32 {
	switch {
	case x > 0:
		return 1
	case x == 0:
		return .5
	}
	return 0
}

// streamed returns the features of coordinate i.
func (b *BackBlock) streamed(i int) [Streamed]float32 {
	m, factors := [3]float32{b.M[0][i], b.M[1][i], b.M[2][i]}, factorsAt(b.Planes, i)
	return stream(limited(b.Grad[i], gradLimit), b.Theta[i], &m, b.V[i], &factors)
}

// backward returns the cotangents of the first layer's sums of coordinate i. If there are sums, it adds those of the weights behind
// the first layer's, and of its bias.
func (b *BackBlock) backward(i int, seen *[Streamed]float32, sums []float32) (first [MostUnits]float32) {
	u, n := b.Units, int(b.Units)
	second, third := u.weights1(), u.weights2()
	w, d := b.Weights, b.DOut[i]
	add := func(k int, x float32) {
		if sums != nil {
			sums[k*Lanes+i%Lanes] += x
		}
	}
	var units, sums1 [MostUnits]float32
	h, y := units[:n], sums1[:n]
	for j := range h {
		h[j] = b.Planes[j*planeStride+i]
		for k, x := range seen {
			h[j] += x * w[k*n+j]
		}
		h[j] = max(h[j], 0)
	}
	for j := range y {
		y[j] = w[u.bias1()+j]
		for k, x := range h {
			y[j] += x * w[second+k*n+j]
		}
	}
	add(third+n, d)
	for j, x := range y {
		add(third+j, d*max(x, 0))
		y[j] = d * w[third+j] * slope(x)
		add(u.bias1()+j, y[j])
	}
	for k, x := range h {
		for j, dy := range y {
			add(second+k*n+j, x*dy)
			if x > 0 {
				first[k] += dy * w[second+k*n+j]
			}
		}
		add(u.PerceptronWeights()+k, first[k])
	}
	return first
}

func (b *BackBlock) perceptron(dTerms, sums []float32) {
	for i := range b.Grad {
		seen := b.streamed(i)
		d := b.backward(i, &seen, sums)
		for h, dx := range d[:b.Units] {
			dTerms[h*planeStride+i] = dx
			for k, x := range seen {
				sums[(k*int(b.Units)+h)*Lanes+i%Lanes] += x * dx
			}
		}
	}
}

func (b *BackBlock) moments(e []float32, dNext, dState *Averages, dGrad, dTheta, dFactors []float32) {
	for i := range b.Grad {
		seen, factors := b.streamed(i), factorsAt(b.Planes, i)
		d := b.backward(i, &seen, nil)
		var of [Streamed]float32
		for k, x := range seen {
			of[k] = e[k] * x
			for h, dx := range d[:b.Units] {
				of[k] += b.Weights[k*int(b.Units)+h] * dx
			}
		}
		g, root := seen[0], seen[10]
		dg, dv, dRoot := of[0]+root*of[14], of[6]+dNext.V[i], of[10]+g*of[14]
		if seen[1] == g {
			dg += of[1]
		}
		dTheta[i] = of[2]
		for k := range 3 {
			m, f := b.M[k][i], factors[k]
			dm := of[3+k] + dNext.M[k][i] + root*of[7+k] + f*of[15+k]
			dRoot += m * of[7+k]
			dFactors[(Factors+k)*planeStride+i] = g*of[11+k] + m*of[15+k]
			dg += f*of[11+k] + rests[k]*dm
			dState.M[k][i] = decays[k] * dm
		}
		dv -= dRoot * root * root * root / 2
		dGrad[i] = dg + 2*squareRest*g*dv
		dState.V[i] = squareDecay * dv
	}
}
