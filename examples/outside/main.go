// Command outside is metatrain and compare with a rule and a problem that another module has: this one.
//
//	go mod tidy && go build
//	./outside metatrain --problem bowl --rule bounded --budget 10s
//	./outside compare --problem bowl --optimizer runs/bowl-bounded-1/optimizer.safetensors,momentum,adam
package main

import (
	"github.com/seed1498fded/unroll/cmd/app"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/learnedopt"

	"example.org/outside/mine"
)

func main() {
	learnedopt.Register(func() learnedopt.Rule { return new(mine.Bounded) })
	catalog.Register("bowl", catalog.Problem{Family: mine.Bowls, Cheap: true})
	app.Main()
}
