// Package features holds what learned rules of several families share: running averages and factored second moments of one
// tensor, features divided by their size over the tensor, the time features, the perceptron that works on each coordinate,
// and the LSTM cell. A rule is put together of these, so that it is a page.
//
// What works on coordinates holds a tensor of n numbers as rows: the matrix [features, n], each row of which is one feature
// of all coordinates in row-major order.
package features
