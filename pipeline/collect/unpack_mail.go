package collect

import (
	"bytes"
	"errors"
	"io"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/collect/mail"
)

func sniffMail(head []byte) format {
	switch {
	case mail.SniffMbox(head):
		return formatMbox
	case mail.Sniff(head):
		return formatMail
	}
	return formatNone
}

// attachments takes the attachments of a mail that spec.unpack.include picks, and
// of the others what it picks of what is packed in them.
func (u *unpacker) attachments(f format, p part, content io.Reader, at depth) error {
	walk := mail.Walk
	if f == formatMbox {
		walk = mail.WalkMbox
	}
	before := u.taken
	err := walk(content, func(a mail.Attachment) error {
		if err := u.count(); err != nil {
			return err
		}
		return u.attachment(p, a, at)
	})
	if err != nil {
		return u.explainMail(f, err)
	}
	if u.taken == before && at.layer() == 1 {
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "the mail has no attachment that spec.unpack.include picks (%d attachments and files in them)", u.entries)
	}
	return nil
}

func (u *unpacker) attachment(p part, a mail.Attachment, at depth) error {
	in := member(p, a.Name)
	in.contentType = a.ContentType
	at.all, at.open = u.wanted(a.Name, at), false
	content := io.Reader(explained{formatMail, a.Content})
	if at.all {
		return u.inner(in, content, at)
	}
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(content, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if u.sniff(head[:n]) == formatNone {
		return nil
	}
	at.open = true
	return u.inner(in, io.MultiReader(bytes.NewReader(head[:n]), content), at)
}

func (u *unpacker) explainMail(f format, err error) error {
	if stopped := u.alive(); stopped != nil {
		return stopped
	}
	for _, known := range []error{mail.ErrHeader, mail.ErrDeep, mail.ErrParts, mail.ErrEncoding} {
		if errors.Is(err, known) {
			return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "%s: %w", f, err)
		}
	}
	return broken(f, err)
}
