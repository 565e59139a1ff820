// Package synthetic is problems that are made up: what they ask is drawn by a key, so that there are as many as anybody wants, and
// none of them is anybody's data. They are for mixes to learn rules on. All are small and cheap.
//
//	TeacherOf   a network learns what another one, drawn by the key, makes of random inputs
//	ClustersOf  a network tells clouds of points apart, or without hidden layers logistic regression
//	FunctionOf  functions of a formula: bowls and rough ones, turned, noisy, or seen a part at a time
//	ElmanOf     a simple recurrent network tells the next letter of a text
//	LSTMOf      an LSTM does
//
// All weights are [inputs, outputs] or vectors. The float32 form is the one in use; float64 is for tests that need the digits.
package synthetic
