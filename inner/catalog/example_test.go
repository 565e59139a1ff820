package catalog_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/synthetic"
)

// A problem by name, as the commands have it, with other hidden layers and on images that no rule was learned on.
func ExampleLookup() {
	family, err := catalog.Lookup("mnist8", catalog.Options{Hidden: []int{32, 16}, Activation: "relu", Split: catalog.Test})
	if err != nil {
		log.Fatal(err)
	}
	problem, err := family.Sample(1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(problem.Params())
	_, err = catalog.Lookup("mnist88", catalog.Options{})
	fmt.Println(err != nil)
	// Output:
	// w0[64 32] b0[32] w1[32 16] b1[16] w2[16 10] b2[10]
	// true
}

var once sync.Once // a main needs no such thing: it registers but once anyway

// A problem of one's own gets a name, and with it every command: metatrain --problem clouds, compare --problem clouds.
func ExampleRegister() {
	once.Do(func() {
		catalog.Register("clouds", catalog.Problem{
			Takes: []string{"batch"},
			Family: func(o catalog.Options) (inner.Family, error) { // new for every key, so that all splits are alike
				return synthetic.Clusters{Inputs: 5, Classes: 3, Student: synthetic.Student{Batch: o.Batch}}, nil
			},
		})
	})

	family, err := catalog.Lookup("clouds", catalog.Options{Batch: 32})
	if err != nil {
		log.Fatal(err)
	}
	problem, err := family.Sample(1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(problem.Params())
	// Output: w0[5 3] b0[3]
}

// A mix is a file that says what networks to draw; metatrain --problem mix:FILE learns on it.
func ExampleMix() {
	const text = `
seed: 1
members: 6              # as many networks are drawn
of:
  - name: images
    side: [8]
    depth: [1, 2]       # hidden layers
    width: [8, 32]
    activation: [relu, tanh]
    weight: 2           # two thirds of them
  - name: text
    kind: lstm
    width: [8, 16]
`
	dir, err := os.MkdirTemp("", "mix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		log.Fatal(err)
	}
	family, err := catalog.Lookup(catalog.MixPrefix+path, catalog.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, member := range inner.MembersOf(family) {
		problem, err := member.Sample(1)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(problem.Params())
	}
	// Output:
	// w0[64 9] b0[9] w1[9 10] b1[10]
	// w0[64 13] b0[13] w1[13 10] b1[10]
	// w0[64 26] b0[26] w1[26 26] b1[26] w2[26 10] b2[10]
	// w0[64 14] b0[14] w1[14 14] b1[14] w2[14 10] b2[10]
	// lstm.wx[8 44] lstm.wh[11 44] lstm.b[44] out.w[11 8] out.b[8]
	// lstm.wx[8 36] lstm.wh[9 36] lstm.b[36] out.w[9 8] out.b[8]
}
