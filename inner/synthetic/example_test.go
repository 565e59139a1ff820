package synthetic_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/synthetic"
)

// fall takes steps of gradient descent, and says by what part the loss fell.
func fall(family inner.Family, rate float32, steps int) float64 {
	problem, err := family.Sample(1)
	if err != nil {
		log.Fatal(err)
	}
	theta := make([]float32, problem.Params().Len())
	grad := make([]float32, len(theta))
	problem.Init(theta, 2)
	first, last := 0.0, 0.0
	for step := range steps {
		loss, err := problem.Eval(grad, theta, uint64(step))
		if err != nil {
			log.Fatal(err)
		}
		if last = loss; step == 0 {
			first = loss
		}
		for i, g := range grad {
			theta[i] -= rate * g
		}
	}
	return 1 - last/first
}

// As many problems as one likes, none of which is anybody's data: a network that learns what another one does, and a bowl.
func Example() {
	teacher := synthetic.Teacher{Inputs: 8, Student: synthetic.Student{Hidden: []int{16}}}
	fmt.Println("a student of a teacher learns:", fall(teacher, 0.3, 300) > 0.2)

	bowl := synthetic.Function{Form: synthetic.Bowl, Dim: 8, Condition: 10}
	fmt.Println("down a bowl:", fall(bowl, 3, 300) > 0.9)
	// Output:
	// a student of a teacher learns: true
	// down a bowl: true
}
