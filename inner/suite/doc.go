// Package suite is unroll-12: twelve training problems that no rule of this module is learned on, to tell how rules do where they
// have never been. Each is a family of inner.Problems that also know their loss on what is held out (inner.Tested):
//
//	 1  fashion-mlp           Fashion-MNIST, 784-128-128-10 ReLU                        batch 128
//	 2  mnist-mlp             the second half of MNIST, 784-20-10 ReLU                        128
//	 3  fashion-deep          Fashion-MNIST, eight hidden layers of 64 ReLU                    64
//	 4  fashion-conv          two 3x3 convolutions of stride 2, 16 and 32 channels             64
//	 5  fashion-residual      six residual blocks of width 64 with layer normalisation         64
//	 6  fashion-autoencoder   784-128-32-128-784 ReLU, mean squared error                     128
//	 7  opticks-lstm          next character of Newton's Opticks, LSTM of 128, length 32       32
//	 8  opticks-transformer   the same, 2 layers, width 64, 4 heads, length 64                 16
//	 9  sine-lstm             next point of a sine wave after 10, LSTM of 20                  128
//	10  breast-logistic, wine-logistic       logistic regression with weight decay            all
//	11  factorisation         100x100 of rank 5, four fifths of it seen                       all
//	    noisy-quadratic       100 dimensions, condition 1e4, noise .1
//	12  rosenbrock            50 dimensions
//	    diabetes-mlp          regression, 10-64-64-1 tanh                                      32
//
// Where a number has two problems, each is run by itself and both together count as one: see [Problem].
//
// Losses are means over a minibatch. Data is what is embedded in packages fashion, mnist, opticks and tables below inner/data. The
// images of problem 2 are the half of MNIST's training images that rules are never learned on.
//
// Networks of dense layers are those of package nets; the others are written by hand, forwards and backwards, on products of
// matrices. All weights are called and laid out so that a rule can go by it: matrices are [inputs, outputs], kernels of convolutions
// [rows, columns, inputs, outputs], so that the product of all axes but the last is the fan-in; all else are vectors.
//
// The zero value of every family is what the suite has; other fields make smaller or larger ones of the same kind. A family for
// weights of float64 is the form in Of of the same name.
package suite
