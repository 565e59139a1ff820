package tensorboard

import (
	"encoding/binary"
	"math"
)

// version is what the first event of a file says.
const version = "brain.Event:2"

// The fields of Event, SessionLog, Summary, Summary.Value and HistogramProto that are written, by their numbers.
const (
	fieldTime    = 1 // double, seconds since 1970
	fieldStep    = 2 // int64
	fieldVersion = 3 // string
	fieldSummary = 5 // Summary
	fieldSession = 7 // SessionLog

	fieldStatus = 1 // enum
	statusStart = 1

	fieldValue = 1 // Value, repeated

	fieldTag       = 1 // string
	fieldSimple    = 2 // float
	fieldHistogram = 5 // HistogramProto

	fieldMin        = 1 // double, and so are all that follow
	fieldMax        = 2
	fieldCount      = 3
	fieldSum        = 4
	fieldSumSquares = 5
	fieldLimits     = 6 // repeated
	fieldBuckets    = 7 // repeated
)

// The wire types of protocol buffers, which say how long what follows is.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func appendKey(b []byte, field, wire int) []byte {
	return binary.AppendUvarint(b, uint64(field)<<3|uint64(wire))
}

func appendInt(b []byte, field int, v int64) []byte {
	return binary.AppendUvarint(appendKey(b, field, wireVarint), uint64(v))
}

func appendDouble(b []byte, field int, v float64) []byte {
	return binary.LittleEndian.AppendUint64(appendKey(b, field, wireFixed64), math.Float64bits(v))
}

func appendFloat(b []byte, field int, v float32) []byte {
	return binary.LittleEndian.AppendUint32(appendKey(b, field, wireFixed32), math.Float32bits(v))
}

func appendString(b []byte, field int, s string) []byte {
	return append(binary.AppendUvarint(appendKey(b, field, wireBytes), uint64(len(s))), s...)
}

func appendMessage(b []byte, field int, message []byte) []byte {
	return appendString(b, field, string(message))
}

// appendDoubles writes a repeated field in its packed form.
func appendDoubles(b []byte, field int, list []float64) []byte {
	var packed []byte
	for _, v := range list {
		packed = binary.LittleEndian.AppendUint64(packed, math.Float64bits(v))
	}
	return appendMessage(b, field, packed)
}
