// Command use trains with a rule that metatrain has learned:
//
//	go run ./use runs/bowl-bounded-1/optimizer.safetensors
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/learnedopt"

	"example.org/outside/mine"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("want the file of a rule")
	}
	if err := train(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

// train takes 100 steps down a bowl.
func train(path string) error {
	trained, err := learnedopt.LoadAs(path, new(mine.Bounded))
	if err != nil {
		return err
	}
	family, err := mine.Bowls(catalog.Options{})
	if err != nil {
		return err
	}
	bowl, err := family.Sample(1)
	if err != nil {
		return err
	}
	opt, err := trained.New(bowl.Params())
	if err != nil {
		return err
	}
	theta := make([]float32, bowl.Params().Len())
	grad := make([]float32, len(theta))
	bowl.Init(theta, 1)
	for range 100 {
		loss, err := bowl.Eval(grad, theta, 1)
		if err != nil {
			return err
		}
		fmt.Println(loss)
		if err := opt.Step(theta, grad); err != nil {
			return err
		}
	}
	return nil
}
