// Package graph is the one place that knows Gorgonia's quirks. Everything else in this project writes formulas with
// Gorgonia nodes and leaves the following to it:
//
//   - [Grad] and [VJP]: reverse-mode differentiation that may be applied to its own result. Gorgonia's own Grad keeps
//     one derivative per node for the life of a graph, so a gradient of a gradient, or a second inner step in the same
//     graph, comes out wrong without an error.
//   - [StopGrad]: the identity whose derivative is zero, the dashed edge of Andrychowicz et al. 2016.
//   - [Def] and [Apply]: an operation made of plain functions over flat slices.
//   - [Builder]: formulas that keep their first error and give it back once.
//   - [RelayedVJP]: the same with the chain rule cut at nodes of choice, for learning rules whose messages are local.
//   - [Program]: a graph compiled once and run many times, on slices; in float32 lowered onto the loops of package kernel.
//   - [Reference]: a graph run as it is written, which a Program is tested against; [Reference.Part]: some of it.
//
// Two traps of Gorgonia v0.9.18 that shape the code: nodes are shared by a 32-bit hash that is not checked against the
// node's children, and the hash of a Slice holds its bounds as single bytes, so x[0:4] and x[256:260] are one node.
// [Builder.Rows] has no such limit.
package graph
