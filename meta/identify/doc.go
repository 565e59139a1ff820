// Package identify tells which learning rule trained a network by what can be seen of the network while it learns, after
// Nayebi, Srivastava, Ganguli and Yamins, Identifying Learning Rules From Neural Network Observables, NeurIPS 2020.
//
// A [Rule] is a credit rule together with an optimizer. A [Population] trains many small networks under each of several rules;
// an [Observer] sees their weights at a number of times, and cannot influence them. What a [Recorder] notes down for each layer
// are three observables:
//
//	weights      w of the layer
//	activations  its outputs on a fixed batch of images, the probe
//	change       how its outputs move when all its inputs do: Σ over inputs of ∂output/∂input, on the probe
//
// A [View] makes numbers of a [Recording]: statistics of each observable at each time, perhaps of a few units only, or
// in noise. They are the features that the classifiers of package classify tell rules by. One example is one layer of one
// network; a network is told by the mean of what its layers say.
//
// A [Study] measures how well that works, on networks that the classifiers have not seen. A [Model] is a classifier made of
// all of them, which also says of a network that no rule it knows looks like it.
package identify
