// Command metatrain learns an optimizer.
//
//	go run ./cmd/metatrain                                          an LSTM on 8x8 MNIST, in two minutes
//	go run ./cmd/metatrain --problem quadratic --budget 10m         on quadratics
//	go run ./cmd/metatrain --credit fa                              for networks that learn by feedback alignment
//	go run ./cmd/metatrain --resume runs/mnist8-lstm-1 --budget 5m  five minutes more
//
// It writes into the folder given by --out: optimizer.safetensors, the best rule so far; train.safetensors, from which
// --resume continues to the bit; and log.jsonl, a line for every validation. While it runs the folder is locked, by run.lock.
// Stopped by a signal it saves, and exits with 128 plus the signal's number.
package main

import "github.com/seed1498fded/unroll/cmd/app/metatrain"

func main() { metatrain.Main() }
