package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Fingerprint returns the sha256 of some sets in hexadecimal: of their sizes, images and labels, in order. Sets that agree
// in all images and labels have the same, wherever they come from, gzipped or not; any others have another.
func Fingerprint(sets ...*Set) string {
	h := sha256.New()
	for _, s := range sets {
		// The sizes come first, so that no two lists of sets run together into the same bytes.
		for _, n := range []int{s.Len(), s.Rows, s.Cols, s.Classes, len(s.Images)} {
			h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
		}
		h.Write(s.Labels)
		h.Write(s.Images)
	}
	return hex.EncodeToString(h.Sum(nil))
}
