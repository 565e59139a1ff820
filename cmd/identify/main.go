// Command identify tells which learning rule trained a network, by what can be seen of it while it learns.
//
//	go run ./cmd/identify --plot identify.png
//
// trains 320 networks under four rules, and measures how well a random forest and a linear classifier tell which rule trained
// which. Any number of rules will do, each a credit rule and an optimizer, learned ones too:
//
//	go run ./cmd/identify --rules momentum,adam,fa,sign-symmetry,dfa+adam,lstm-mnist8,runs/mine/optimizer.safetensors
//
// It also writes down a training run, and tells the rule of one that was written down:
//
//	go run ./cmd/identify --record runs/seen --credit fa --optimizer momentum
//	go run ./cmd/identify --of runs/seen --model networks.safetensors
package main

import "github.com/seed1498fded/unroll/cmd/app/identify"

func main() { identify.Main() }
