package metatrain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/build"
)

// The keys of an origin, among the metadata of a training checkpoint and the provenance of a rule.
const (
	keyInstructions = "instructions"
	keyVersion      = "version"
)

// An origin is what the bits of a run depend on besides its settings.
type origin struct {
	instructions string // the processor's, such as "amd64 avx512"; with commas, in order, if the run has changed
	version      string // of the program that ran last; "(devel)" if nobody has numbered it
}

// here is the origin of what this process makes.
func here() origin {
	b := build.Here()
	return origin{instructions: b.Instructions, version: b.Version}
}

// follow makes o go on from a saved run, and says so if the bits will be others than there.
func (o *origin) follow(saved *checkpoints.File) (note string) {
	before := saved.Meta[keyInstructions]
	last := strings.TrimSpace(before[strings.LastIndex(before, ",")+1:])
	if last == "" || last == o.instructions { // files of earlier versions do not say
		o.instructions = cmp.Or(before, o.instructions)
		return ""
	}
	note = fmt.Sprintf("learned on %s so far and now on %s: the same up to rounding, not to the bit", last, o.instructions)
	o.instructions = before + ", " + o.instructions
	return note
}

// put notes the origin.
func (o origin) put(meta map[string]string) {
	meta[keyInstructions], meta[keyVersion] = o.instructions, o.version
}
