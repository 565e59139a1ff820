package tensorboard

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record frames data as TFRecord does: its length in 8 bytes, the length's checksum in 4, the data, and the data's checksum in 4, all
// little-endian.
func record(data []byte) []byte {
	r := make([]byte, 0, len(data)+16)
	r = binary.LittleEndian.AppendUint64(r, uint64(len(data)))
	r = binary.LittleEndian.AppendUint32(r, masked(r))
	r = append(r, data...)
	return binary.LittleEndian.AppendUint32(r, masked(data))
}

// masked is the checksum of the format: CRC-32C turned right by 15 bits, plus a constant, so that the checksum of data which hold
// checksums is not a special one.
func masked(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}
