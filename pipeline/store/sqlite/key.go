package sqlite

import (
	"encoding/binary"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// key orders events as answers do when it is read backwards: latest time first,
// events of one time by id. It is the time in microseconds, biased so that its
// bytes sort as the number does, and the complement of the id.
type key [24]byte

func makeKey(micros int64, id event.ID) key {
	k := lowerKey(micros)
	for i, b := range id {
		k[8+i] = ^b
	}
	return k
}

// lowerKey is at or before the key of any event of that time.
func lowerKey(micros int64) key {
	var k key
	binary.BigEndian.PutUint64(k[:], uint64(micros)^(1<<63))
	return k
}

func (k key) micros() int64 {
	return int64(binary.BigEndian.Uint64(k[:]) ^ (1 << 63))
}

func (k key) id() event.ID {
	var id event.ID
	for i := range id {
		id[i] = ^k[8+i]
	}
	return id
}

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
