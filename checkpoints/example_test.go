package checkpoints_test

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/params"
)

// A trained rule goes to a file and comes back.
func Example() {
	dir, err := os.MkdirTemp("", "checkpoints")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "momentum.safetensors")

	layout := params.Layout{{Name: "log_lr", Shape: []int{1}}, {Name: "decay", Shape: []int{1}}}
	err = checkpoints.SaveRule(path, checkpoints.Rule{
		Name:       "momentum",
		Config:     json.RawMessage(`{"nesterov":true}`),
		Layout:     layout,
		Phi:        []float32{-2, 0.9},
		Provenance: map[string]string{"problem": "quadratic", "seed": "1"},
	})
	if err != nil {
		log.Fatal(err)
	}

	r, err := checkpoints.LoadRule(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := r.Check("momentum", layout); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Name, string(r.Config), r.Layout, r.Phi, r.Provenance)
	fmt.Println(r.Check("adam", layout))
	// Output:
	// momentum {"nesterov":true} log_lr[1] decay[1] [-2 0.9] map[problem:quadratic seed:1]
	// checkpoints: the saved rule is "momentum", want "adam"
}

// The state of a training run is several vectors, some of the same layout, told apart by a prefix.
func ExamplePut() {
	layout := params.Layout{{Name: "w", Shape: []int{1, 2}}, {Name: "b", Shape: []int{1}}}
	f := checkpoints.File{Kind: "training", Meta: map[string]string{"step": "100"}}
	checkpoints.Put(&f, "phi/", layout, []float32{1, 2, 3})
	checkpoints.Put(&f, "adam.v/", layout, []float64{0.1, 0.2, 0.3})
	for _, t := range f.Tensors {
		fmt.Println(t.Spec, t.F32, t.F64)
	}

	v, err := checkpoints.Get[float64](&f, "adam.v/", layout)
	fmt.Println(v, err)
	_, err = checkpoints.Get[float32](&f, "adam.v/", layout)
	fmt.Println(err)
	// Output:
	// phi/w[1 2] [1 2] []
	// phi/b[1] [3] []
	// adam.v/w[1 2] [] [0.1 0.2]
	// adam.v/b[1] [] [0.3]
	// [0.1 0.2 0.3] <nil>
	// checkpoints: tensor "adam.v/w" has 0 float32 and 2 float64 elements, want 2 float32
}
