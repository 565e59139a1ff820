package page_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/seed1498fded/unroll/meta/eval/page"
)

// A report of one's own as a file that needs nothing else.
func Example() {
	p := page.Page{
		Title: "Two rules", Lead: "The learned one ends lower.",
		Sections: []page.Section{{
			Heading: "Losses",
			Tables:  []page.Table{{Head: []string{"rule", "loss"}, Rows: [][]string{{"mine", "0.1"}, {"adam", "0.2"}}}},
			Notes:   []string{"Means over 10 runs."},
		}},
		Facts: []page.Fact{{Name: "made by", Text: "go run . --runs 10", Code: true}},
	}
	dir, err := os.MkdirTemp("", "page")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, "report.html"))
	if err != nil {
		log.Fatal(err)
	}
	if err := p.Write(f); err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Close())
	// Output: <nil>
}
