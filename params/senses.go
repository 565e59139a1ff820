package params

// A Sense is something that a synapse can feel where it is, beside a gradient. What a problem shows to its synapses is a flat
// vector with a [Layout] like any other, in which a tensor is named by sense and weights: see [Sense.Of].
//
// Weights between neurons have shape [pre, post], and biases, whose one presynaptic neuron is always 1, have shape [post].
type Sense string

// The senses. Shapes begin with the number of examples that a step is taken on, a row for each.
const (
	Pre       Sense = "pre"       // activity of the presynaptic neurons [examples, pre]; of a bias [examples, 1], ones
	Potential Sense = "potential" // what reaches the postsynaptic neurons [examples, post]
	Post      Sense = "post"      // their activity, a function of the potential [examples, post]
	Mod       Sense = "mod"       // a modulator of each postsynaptic neuron, such as a credit rule's signal [examples, post]
	Target    Sense = "target"    // what its activity ought to be [examples, post]
	Reward    Sense = "reward"    // a number that all synapses feel alike [1]
)

// Of returns the name of what the synapses of some weights feel, such as "pre.w0". A reward belongs to no weights, and is
// called just that.
func (s Sense) Of(weights string) string {
	if s == Reward {
		return string(s)
	}
	return string(s) + "." + weights
}
