package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// readSurvivors reads the list of mutants that are known to survive: lines that begin with # give the reason for those
// that follow, each by its key.
func readSurvivors(name string) (reasons map[string]string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reasons = make(map[string]string)
	reason, fresh := "", false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch text, isReason := strings.CutPrefix(line, "#"); {
		case line == "":
			reason = ""
		case isReason && fresh:
			reason += " " + strings.TrimSpace(text)
		case isReason:
			reason = strings.TrimSpace(text)
		case reason == "":
			return nil, fmt.Errorf("%s:%d: a survivor without a reason", name, n)
		default:
			reasons[line] = reason
		}
		fresh = strings.HasPrefix(line, "#")
	}
	return reasons, lines.Err()
}
