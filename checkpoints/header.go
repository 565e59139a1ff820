package checkpoints

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"maps"
	"slices"

	"github.com/nlpodyssey/safetensors"

	"github.com/seed1498fded/unroll/params"
)

// The metadata keys that the format keeps for itself, and the values that never change.
const (
	keyFormat   = "format"
	keyVersion  = "format_version"
	keyKind     = "kind"
	keyLayout   = "layout"
	keyChecksum = "sha256"

	formatName    = "unroll"
	formatVersion = 1

	metadataName = "__metadata__" // safetensors' own name for the metadata; no tensor can be called so
)

// reserved reports whether a metadata key belongs to the format.
func reserved(key string) bool {
	return slices.Contains([]string{keyFormat, keyVersion, keyKind, keyLayout, keyChecksum}, key)
}

// An entry is one line of the layout in the metadata.
type entry struct {
	params.Spec
	DType string `json:"dtype"` // as safetensors spells it: "F32" or "F64"
}

// A block is a tensor as it lies in a file.
type block struct {
	entry
	dtype safetensors.DType
	data  *io.SectionReader // its elements, little-endian
}

// checksum is the sha256 of the metadata (all but the checksum itself) and of the blocks' data, in hexadecimal. The
// lengths keep two different texts from running together into the same bytes. Errors are those of reading the data.
func checksum(meta map[string]string, blocks []block) (string, error) {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if key == keyChecksum {
			continue
		}
		for _, s := range []string{key, meta[key]} {
			h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
			io.WriteString(h, s) // a hash never fails
		}
	}
	for _, b := range blocks {
		if _, err := io.Copy(h, io.NewSectionReader(b.data, 0, b.data.Size())); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
