package diff

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/weir-project/weir/pipeline/collect"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/parse"
)

// MaxBytes is how much of a payload is looked at, unpacked.
const MaxBytes = infer.MaxSample

// maxFile is how large a file may be as it comes, packed.
const maxFile = 64 << 20

// Payload is one payload, unpacked.
type Payload struct {
	Data      []byte
	Truncated bool // it goes on after Data
	// Packed is how the file was packed: zip, gzip, ...; "" if it was not.
	Packed string
	// Members of the archive, 0 if it was none; Data is of the largest.
	Members int
	Meta    parse.Meta

	attached *Payload // what a mail brings
}

// Open reads a payload and unpacks it. name is that of its file.
func Open(ctx context.Context, name string, r io.Reader) (*Payload, error) {
	file, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(file) > maxFile:
		return nil, fmt.Errorf("%s is larger than the %d MiB that a file may have", name, maxFile>>20)
	}
	p := &Payload{Packed: packedAs(file), Meta: parse.Meta{Source: "example.diff", Filename: name, Collected: time.Now().UTC(),
		TLP: event.TLPAmber, Restriction: event.RestrictionNeedToKnow}}
	if p.Packed == "" {
		p.Data, p.Truncated = file[:min(len(file), MaxBytes)], len(file) > MaxBytes
		p.attached = attached(ctx, file)
		return p, nil
	}
	members, err := collect.SampleBytes(ctx, name, bytes.NewReader(file), MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("%s is %s and cannot be unpacked: %w", name, article(p.Packed), err)
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("%s is %s without files", name, article(p.Packed))
	}
	best := 0
	for i := range members {
		if len(members[i].Data) > len(members[best].Data) {
			best = i
		}
	}
	m := &members[best]
	p.Data, p.Truncated, p.Members = m.Data, m.Truncated, len(members)
	if m.Filename != "" {
		p.Meta.Filename = m.Filename
	}
	return p, nil
}

type magic struct{ magic, name string }

var magics = []magic{
	{"PK\x03\x04", "zip"},
	{"PK\x05\x06", "zip"},
	{"\x1f\x8b\x08", "gzip"},
	{"BZh", "bzip2"},
	{"\xfd7zXZ\x00", "xz"},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"7z\xbc\xaf\x27\x1c", "7z"},
}

// packedAs tells how a file is packed. A workbook is a zip archive that is not to
// be unpacked, and a text may begin as bzip2 does.
func packedAs(file []byte) string {
	for _, m := range magics {
		if !bytes.HasPrefix(file, []byte(m.magic)) {
			continue
		}
		head := file[:min(len(file), 4<<10)]
		if m.name == "zip" && bytes.Contains(head, []byte("[Content_Types].xml")) ||
			m.name == "bzip2" && (len(file) < 10 || !bytes.HasPrefix(file[4:], []byte("1AY&SY")) && !bytes.HasPrefix(file[4:], []byte("\x17rE8P\x90"))) {
			return ""
		}
		return m.name
	}
	if len(file) > 262 && string(file[257:262]) == "ustar" {
		return "tar"
	}
	return ""
}

func article(packed string) string {
	switch packed {
	case "gzip", "bzip2", "xz", "zstd":
		return packed + " data"
	}
	return "a " + packed + " archive"
}
