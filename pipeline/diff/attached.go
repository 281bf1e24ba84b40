package diff

import (
	"bytes"
	"context"
	"io"

	"github.com/weir-project/weir/pipeline/collect/mail"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

// unnamed is what an attachment is called whose mail gives it no name: the parts of
// a report of abuse, for example, which a Parser reads in the mail itself.
const unnamed = "attachment"

// attached is the largest attachment of a mail, opened; nil if the file is no mail,
// or has none with a name. A mail that breaks off has what came before.
func attached(ctx context.Context, file []byte) *Payload {
	head := file[:min(len(file), 4<<10)]
	if !mail.Sniff(head) {
		return nil
	}
	var name string
	var largest []byte
	_ = mail.Walk(bytes.NewReader(file), func(a mail.Attachment) error {
		if a.Name == unnamed {
			return nil
		}
		data, err := io.ReadAll(io.LimitReader(a.Content, maxFile+1))
		if err == nil && len(data) > len(largest) && len(data) <= maxFile {
			name, largest = a.Name, data
		}
		return err
	})
	if len(largest) == 0 || mail.Sniff(largest[:min(len(largest), 4<<10)]) {
		return nil
	}
	p, err := Open(ctx, name, bytes.NewReader(largest))
	if err != nil {
		return nil
	}
	return p
}

// inside takes the attachments of mails, unless the Parser reads the mails
// themselves. The finding tells of a mail that has none any more.
func inside(old, new *Payload, o Options) (was, is *Payload, f *status.Finding) {
	if old.attached == nil || o.Spec != nil && o.Spec.Input.Mail != nil {
		return old, new, nil
	}
	switch {
	case new.attached != nil:
		return old.attachment(), new.attachment(), nil
	case !mail.Sniff(new.Data[:min(len(new.Data), 4<<10)]):
		return old, new, nil
	}
	return old.attachment(), new, &status.Finding{Code: drift.CodeContainer, Class: drift.ClassBreakingHard, Breaking: true,
		Before: old.attached.Meta.Filename, After: "no attachment", Sentence: "The mail has no attachment any more."}
}

// attachment is the attachment as a payload of the feed.
func (p *Payload) attachment() *Payload {
	a := *p.attached
	name := a.Meta.Filename
	a.Meta = p.Meta
	a.Meta.Filename = name
	return &a
}
