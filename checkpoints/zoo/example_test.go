package zoo_test

import (
	"fmt"
	"log"
	"slices"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
)

// The rules that come along, and where one of them is from. learnedopt.Load("zoo:general") makes an optimizer of it.
func ExampleLoad() {
	fmt.Println("general is among them:", slices.Contains(zoo.Names(), "general"))
	r, err := zoo.Load("lstm-mnist8")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Name, len(r.Phi), "numbers, learned on", r.Provenance["problem"])
	// Output:
	// general is among them: true
	// lstm 5141 numbers, learned on mnist8
}
