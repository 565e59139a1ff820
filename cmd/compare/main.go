// Command compare measures optimizers on the same training runs: saved learned ones as they are, and SGD, momentum, NAG,
// RMSprop, Adam and AdamW with learning rates tuned on other runs.
//
//	go run ./cmd/compare --problem mnist8 --optimizer runs/mnist8-lstm-1/optimizer.safetensors,adam --plot curves.png
//
// Baselines may be tuned over schedules too, and rules of one's own making be configured:
//
//	go run ./cmd/compare --schedules constant,linear,cosine --optimizer 'adam,schedule:{"rule":{"name":"lion"},"warmup":0.1}'
//
// The optimizers may see a credit rule's signal in place of the gradient:
//
//	go run ./cmd/compare --problem mnist8 --credit fa --optimizer runs/mnist8-fa-lstm-1/optimizer.safetensors,adam
//
// And it crosses credit rules with optimizers, to train networks for epochs and measure them on the test images:
//
//	go run ./cmd/compare --problem mnist8 --credit backprop,fa,none --optimizer adam,lstm-mnist8,lstm-mnist8-fa --lr 0.01 --epochs 5 --runs 3
//
// which takes 20 seconds on two cores.
//
// Over the problems of a suite that no rule was learned on, ratios are to Adam tuned for each of them; nothing else is tuned, or one
// setting is sought for all problems (--track single), or an equal number of settings tried for each (--track tuned --trials 5):
//
//	go run ./cmd/compare --suite quick --optimizer adam,lion,prodigy --json suite.json --plot suite.png --report suite.html
//
// --problems and --steps-fraction make it shorter. Package meta/eval/suite says what the numbers are.
//
// Any comparison can be looked at as a page in a browser while it grows, with --serve 8080.
package main

import "github.com/seed1498fded/unroll/cmd/app/compare"

func main() { compare.Main() }
