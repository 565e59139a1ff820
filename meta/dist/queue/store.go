package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How long blobs may be, in bytes: as parts of a message, for those that everybody needs and for others, in a part of a stored one, and
// at all.
const (
	inlineShared = 4 << 10
	inlineOwn    = 256 << 10
	partLen      = 512 << 10
	maxBlob      = 1 << 30
)

// errAbsent tells that what was stored is not there, or is not what it was.
var errAbsent = errors.New("queue: nothing is stored under this name")

// A store keeps blobs that are too long for a message, in parts, each a message of a stream under a subject of its own.
type store struct {
	js    jetstream.JetStream
	names names
}

// subject returns that of a part of what was stored.
func (s store) subject(r ref, part int) string {
	return fmt.Sprintf("%s.%d.%s.%d", s.names.blobs, r.Round, hex.EncodeToString(r.Sum[:]), part)
}

// blob returns bytes as a blob of a round, which it stores if they are longer than that.
func (s store) blob(ctx context.Context, round uint64, data []byte, longest int) (blob, error) {
	if len(data) <= longest {
		return blob{data: data}, nil
	}
	if len(data) > maxBlob {
		return blob{}, fmt.Errorf("queue: %d bytes; at most %d can be sent", len(data), maxBlob)
	}
	r := ref{Round: round, Size: uint64(len(data)), Sum: sha256.Sum256(data)}
	return blob{stored: &r}, s.put(ctx, r, data)
}

// put stores bytes, as often as is wanted.
func (s store) put(ctx context.Context, r ref, data []byte) error {
	for part := 0; len(data) > 0; part++ {
		n := min(len(data), partLen)
		m := &nats.Msg{Subject: s.subject(r, part), Data: data[:n]}
		if err := persist(ctx, func(ctx context.Context) error {
			_, err := s.js.PublishMsg(ctx, m)
			return err
		}); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// get returns the bytes of a blob, wherever they are. Stored ones that are not there, or not those of their sum, are errAbsent.
func (s store) get(ctx context.Context, b blob) ([]byte, error) {
	if b.stored == nil {
		return b.data, nil
	}
	r := *b.stored
	if r.Size > maxBlob {
		return nil, errMalformed
	}
	var data []byte
	for part := 0; uint64(len(data)) < r.Size; part++ {
		m, err := s.part(ctx, r, part)
		if err != nil {
			return nil, err
		}
		if len(m) == 0 || uint64(len(data)+len(m)) > r.Size {
			return nil, errAbsent
		}
		data = append(data, m...)
	}
	if sha256.Sum256(data) != r.Sum {
		return nil, errAbsent
	}
	return data, nil
}

// part returns a part of what was stored.
func (s store) part(ctx context.Context, r ref, part int) (data []byte, err error) {
	stream, err := s.stream(ctx)
	if err != nil {
		return nil, err
	}
	err = persist(ctx, func(ctx context.Context) error {
		m, err := stream.GetLastMsgForSubject(ctx, s.subject(r, part))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return final{errAbsent}
		case err != nil:
			return err
		}
		data = m.Data
		return nil
	})
	return data, err
}

func (s store) stream(ctx context.Context) (stream jetstream.Stream, err error) {
	err = persist(ctx, func(ctx context.Context) (err error) {
		stream, err = s.js.Stream(ctx, s.names.blobStream)
		return err
	})
	return stream, err
}

// forget removes what was stored in a round.
func (s store) forget(ctx context.Context, round uint64) error {
	stream, err := s.stream(ctx)
	if err != nil {
		return err
	}
	return persist(ctx, func(ctx context.Context) error {
		return stream.Purge(ctx, jetstream.WithPurgeSubject(fmt.Sprintf("%s.%d.>", s.names.blobs, round)))
	})
}
