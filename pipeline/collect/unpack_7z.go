package collect

import (
	"errors"
	"io"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/collect/sevenzip"
)

// sevenZip reads the directory at the archive's end, as zip does. Files that are
// compressed as one are read in their order.
func (u *unpacker) sevenZip(p part, content io.Reader, at depth) error {
	raw, err := u.random(content)
	if err != nil {
		return err
	}
	a, err := sevenzip.Open(raw, raw.Size(), sevenzip.Options{
		Password: u.keys.password, Files: u.limits.entries, Window: maxWindow,
	})
	if err != nil {
		return u.explain7z(err)
	}
	for _, f := range a.Empty {
		if err := u.count(); err != nil {
			return err
		}
		if u.wanted(f.Name, at) {
			if err := u.inner(member(p, f.Name), eof{}, at.picked()); err != nil {
				return err
			}
		}
	}
	for _, folder := range a.Folders {
		if err := u.sevenZipFolder(p, folder, at); err != nil {
			return err
		}
	}
	return nil
}

// sevenZipFolder reads a folder up to the last file that is wanted of it.
func (u *unpacker) sevenZipFolder(p part, folder *sevenzip.Folder, at depth) error {
	last := -1
	for i, f := range folder.Files {
		if err := u.count(); err != nil {
			return err
		}
		if f.Regular && u.wanted(f.Name, at) {
			last = i
		}
	}
	if last < 0 {
		return nil
	}
	r, err := folder.Open()
	if err != nil {
		return u.explain7z(err)
	}
	defer r.Close()
	for _, f := range folder.Files[:last+1] {
		body := stoppable{u.alive, sevenZipBody{u, folder.File(r, f)}}
		if f.Regular && u.wanted(f.Name, at) {
			err = u.inner(member(p, f.Name), body, at.picked())
		} else {
			_, err = io.Copy(io.Discard, u.layers[at.layer()-1].reader(body))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eof is an empty file.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// sevenZipBody explains the errors of a file.
type sevenZipBody struct {
	u *unpacker
	r io.Reader
}

func (b sevenZipBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.u.explain7z(err)
	}
	return n, err
}

func (u *unpacker) explain7z(err error) error {
	if stopped := u.alive(); stopped != nil {
		return stopped
	}
	switch {
	case errors.Is(err, sevenzip.ErrTooMany):
		return u.tooManyEntries()
	case errors.Is(err, sevenzip.ErrNoPassword):
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "7z: the archive is encrypted: name the password in spec.unpack.password")
	case errors.Is(err, sevenzip.ErrPassword):
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "7z: the archive is damaged, or spec.unpack.password is not its password")
	case errors.Is(err, sevenzip.ErrMethod), errors.Is(err, sevenzip.ErrMemory):
		return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "7z: %w", err)
	}
	return broken(format7z, err)
}
