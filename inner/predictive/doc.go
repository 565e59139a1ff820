// Package predictive trains by predictive coding what backpropagation trains: any Gorgonia expression of one scalar loss,
// with its branches, shared weights and recurrences.
//
// The vertices of the graph are its operations, or those of them that [Config.Vertex] picks. A vertex i has a prediction
// v̂_i, what it computes from its inputs, a value v_i, and an error ε_i = v_i − v̂_i. Values start at the predictions of the
// forward pass, all errors at zero but that of the loss, which is clamped at −1: its value is held one below its
// prediction. Then the values move, each by what its own error and those of its consumers j say, so as to explain the
// loss's error away:
//
//	v̇_i = −ε_i + Σ_j J_jiᵀ ε_j,    v_i ← v_i + γ v̇_i,    J_ji = ∂v̂_j/∂v_i
//
// Predictions and Jacobians stay what they were in the forward pass (the fixed-prediction assumption), so the errors
// come to rest where
//
//	ε_i = Σ_j J_jiᵀ ε_j = −dL/dv_i,    and    −Σ_i (∂v̂_i/∂θ)ᵀ ε_i = dL/dθ
//
// summed over all vertices that read the weights θ: the gradient. Signs are Millidge, Tschantz and Buckley's, errors
// pointing downhill; their squared-error output clamped to a target T is the loss ½(y−T)², whose vertices below have
// the error T − y to explain. There is no factor 2.
//
// # What this is, and what it is not
//
// Each update needs a vertex's own error and its consumers', and the updates may all happen at once. But under the
// fixed-prediction assumption the errors obey backpropagation's own linear recursion, and relaxing them solves it by
// iteration: it is backpropagation by another schedule (Rosenbaum 2022), at a multiple of its cost. Gradients that agree with
// backpropagation's are therefore no evidence that predictive coding as inference computes them. With predictions frozen the
// values no longer descend a free energy, and the variational meaning is lost (Zahid et al. 2023): the energy that
// [Config.Observe] shows starts at zero and ends at ½ Σ |dL/dv_i|². Without the assumption another answer comes out: on the scalar graph of the
// example, dL/dy0 is −11.370532 with it and −3.413608 at the equilibrium without it. This package always makes it.
//
// # How long it takes
//
// After T steps at rate γ, what reaches a weight along a path of d vertices below the loss is there by the share
// P(Bin(T, γ) ≥ d), whatever the values: the missing share decays as T^(d−1) (1−γ)^T. With [Config.Sequential] updates,
// from the loss down in each step, it is P(Bin(T+d−1, γ) ≥ d). So γ = 1 is exact after [GraphOf.Depth] steps in parallel,
// and after one in sequence. Depth counts vertices: by default elementary operations, of which a layer has several.
//
// # Papers
//
//   - Whittington and Bogacz, An Approximation of the Error Backpropagation Algorithm in a Predictive Coding Network with
//     Local Hebbian Synaptic Plasticity, Neural Computation 29(5), 2017: layered networks.
//   - Millidge, Tschantz and Buckley, Predictive Coding Approximates Backprop along Arbitrary Computation Graphs, 2020,
//     arXiv 2006.04182: graphs, and the fixed-prediction assumption.
//   - Song, Lukasiewicz, Xu and Bogacz, Can the Brain Do Backpropagation?, NeurIPS 2020: zero-divergence inference
//     learning (Z-IL) on layered networks.
//   - Salvatori, Song, Xu, Lukasiewicz and Bogacz, Reverse Differentiation via Predictive Coding, AAAI 2022: Z-IL on graphs.
//   - Rosenbaum, On the Relationship between Predictive Coding and Backpropagation, PLoS ONE 17(3), 2022.
//   - Zahid, Guo and Fountas, Predictive Coding as a Neuromorphic Alternative to Backpropagation: A Critical Evaluation,
//     Neural Computation 35(12), 2023.
package predictive
