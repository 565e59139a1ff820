package plastic_test

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/params"
)

// The life of a neuron under the delta rule: what synapses feel, and how far they move for it.
func Example() {
	tasks := plastic.Boolean{}
	solved := 0.0
	for number := range tasks.Tasks() {
		p, err := tasks.Task(number, 1)
		if err != nil {
			fmt.Println(err)
			return
		}
		w := make([]float32, p.Params().Len())
		p.Init(w, 1)
		s := p.(inner.Synaptic)
		senses, felt := s.Senses(), make([]float32, s.Senses().Len())
		for step := range p.(inner.Lived).Life() {
			if err := s.Sense(felt, w, step, uint64(step)); err != nil {
				fmt.Println(err)
				return
			}
			mod := params.Slice(senses, felt, params.Mod.Of("w"))[0]
			for i, x := range params.Slice(senses, felt, params.Pre.Of("w")) {
				w[i] += 2 * x * mod
			}
		}
		score, err := p.(inner.Scored).Score(w)
		if err != nil {
			fmt.Println(err)
			return
		}
		solved += score["solved"]
	}
	fmt.Println(solved, "of", tasks.Tasks(), "functions")
	// Output:
	// 14 of 14 functions
}
