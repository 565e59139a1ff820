package doctor_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/seed1498fded/unroll/cmd/app/doctor"
)

// A program of one's own can look at its machine in the same way. An error says what is wrong; the first word of a line is ok where
// nothing is, and the second what was looked at.
func ExampleRun() {
	var out bytes.Buffer
	if err := doctor.Run(context.Background(), nil, &out, io.Discard); err != nil {
		fmt.Println(err)
		return
	}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[1] == "rules" {
			fmt.Println(lines.Text())
		}
	}
	// Output: ok      rules        5 embedded rules are sound
}
