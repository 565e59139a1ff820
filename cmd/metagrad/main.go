// Command metagrad is a laboratory of meta-gradients: it measures estimators of the gradient that a rule is learned by, to choose one by.
//
//	go run ./cmd/metagrad --problem quadratic --rule momentum --estimators 'bptt/5,es,pes/5,nres/5' --horizons 5,10,20,40 --plot metagrad.png
//
// prints, for each estimator and horizon, how far the estimates are from the truth on average and how much they vary, their angle with it,
// and how many draws, inner steps and seconds it takes until there is as much signal in them as noise. An estimator is a name, after a
// slash the steps of a window, and in braces its settings:
//
//	go run ./cmd/metagrad --estimators 'bptt/20,pes/20{"pairs":32},es{"pairs":32,"control":"bptt"}' --from lstm-mnist8
//
// The truth is backpropagation over the whole episode, through the inner gradients too where the problem knows its second derivatives, or
// central differences.
package main

import "github.com/seed1498fded/unroll/cmd/app/metagrad"

func main() { metagrad.Main() }
