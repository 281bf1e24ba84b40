// Package workbook reads the sheets of XLSX workbooks as rows of text.
package workbook

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html/charset"
)

// What a workbook may have. Sheets that are larger than maxInMemory lie in a
// temporary file.
const (
	maxUnzipped = 256 << 20
	maxInMemory = 16 << 20
	maxParts    = 10_000
	maxRow      = 1 << 20 // as in Excel
	maxDepth    = 64      // of elements
	// maxCells bounds rows times width, with the blank cells before others.
	maxCells = 1 << 26
)

// Book is an open workbook.
type Book struct {
	file   *excelize.File
	sheets []string
}

// ole is how old Office documents begin, and workbooks with a password.
var ole = []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")

// encrypted is the name of what an OLE file with a password holds.
var encrypted = utf16le("EncryptedPackage")

func utf16le(s string) []byte {
	var out []byte
	for _, c := range []byte(s) {
		out = append(out, c, 0)
	}
	return out
}

// Open checks all of a workbook and opens it. The error says what is wrong with it,
// as the end of a sentence.
func Open(data []byte) (b *Book, err error) {
	switch {
	case bytes.HasPrefix(data, ole) && bytes.Contains(data, encrypted):
		return nil, errors.New("the workbook is encrypted with a password")
	case bytes.HasPrefix(data, ole):
		return nil, errors.New("it is an old Office document (.xls), not XLSX")
	case !bytes.HasPrefix(data, []byte("PK")):
		return nil, errors.New("it is no zip archive, as XLSX is")
	}
	if err := check(data); err != nil {
		return nil, err
	}
	defer recovered(&err)
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxInMemory,
	})
	if err != nil {
		if f != nil {
			f.Close() //nolint:errcheck // what is wrong is known already
		}
		return nil, fmt.Errorf("the workbook is broken: %w", err)
	}
	b = &Book{file: f, sheets: f.GetSheetList()}
	if err := b.isoDates(); err != nil {
		b.Close()
		return nil, fmt.Errorf("the styles of the workbook are broken: %w", err)
	}
	return b, nil
}

// recovered makes an error of a panic: the library takes some things in a workbook
// for granted.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the workbook is broken: %v", p)
	}
}

// Close frees what the workbook holds.
func (b *Book) Close() {
	b.file.Close() //nolint:errcheck // temporary files; there is nothing to do about it
}

// check reads all of the archive once, because the library takes a sheet that
// breaks off for one that ends.
func check(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fmt.Errorf("the archive is broken or breaks off: %w", err)
	}
	if len(z.File) > maxParts {
		return fmt.Errorf("the archive has %d parts, more than %d", len(z.File), maxParts)
	}
	left := int64(maxUnzipped)
	found := false
	for _, part := range z.File {
		name := strings.ToLower(strings.ReplaceAll(part.Name, "\\", "/"))
		found = found || name == "xl/workbook.xml"
		if err := checkPart(part, strings.HasPrefix(name, "xl/worksheets/") && strings.HasSuffix(name, ".xml"), &left); err != nil {
			return err
		}
	}
	if !found {
		return errors.New("the archive has no workbook (xl/workbook.xml)")
	}
	return nil
}

func checkPart(part *zip.File, sheet bool, left *int64) error {
	if part.UncompressedSize64 > uint64(*left) {
		return fmt.Errorf("unpacked it is larger than %d MiB", maxUnzipped>>20)
	}
	*left -= int64(part.UncompressedSize64)
	in, err := part.Open()
	if err != nil {
		return fmt.Errorf("%s cannot be unpacked: %w", part.Name, err)
	}
	defer in.Close()
	content := io.LimitReader(in, int64(part.UncompressedSize64)+1)
	if sheet {
		if err := checkSheet(content); err != nil {
			return fmt.Errorf("%s is broken: %w", part.Name, err)
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return fmt.Errorf("%s cannot be unpacked: %w", part.Name, err)
	}
	return nil
}

// checkSheet reads the XML of a sheet to its end.
func checkSheet(content io.Reader) error {
	d := xml.NewDecoder(content)
	d.CharsetReader = charset.NewReaderLabel
	depth, row, column, cells := 0, 0, 0, 0
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch e := token.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("elements are nested deeper than %d levels", maxDepth)
			}
			switch e.Name.Local {
			case "row":
				row, column = row+1, 0
				if n, ok := number(attribute(e, "r")); ok {
					row = n
				}
				if row > maxRow {
					return fmt.Errorf("row %d is beyond the last row of a sheet", row)
				}
			case "c":
				column++
				if col, _, err := excelize.CellNameToCoordinates(attribute(e, "r")); err == nil && col > column {
					cells += col - column
					column = col
				}
				if cells++; cells > maxCells {
					return fmt.Errorf("the sheet has more than %d cells", maxCells)
				}
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// number reads a number of up to nine digits.
func number(text string) (int, bool) {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, text != "" && len(text) < 10
}

// Sheet finds a sheet by its name, or the first that is visible if it is empty.
func (b *Book) Sheet(name string) (string, error) {
	if name == "" {
		for _, s := range b.sheets {
			if visible, err := b.file.GetSheetVisible(s); err == nil && visible {
				return s, nil
			}
		}
		return "", errors.New("the workbook has no visible sheet")
	}
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		if i := slices.IndexFunc(b.sheets, func(s string) bool { return same(s, name) }); i >= 0 {
			return b.sheets[i], nil
		}
	}
	const most = 20
	have := strings.Join(b.sheets[:min(len(b.sheets), most)], ", ")
	if len(b.sheets) > most {
		have += ", ..."
	}
	return "", fmt.Errorf("there is no sheet %q; it has: %s", name, have)
}

// Rows calls fn for each row of a sheet that has a value; the cells are valid
// during the call. skip is how many rows at the beginning go to skipped instead.
func (b *Book) Rows(sheet string, skip int, skipped, fn func(cells []string) error) (err error) {
	rows, err := b.file.Rows(sheet)
	if err != nil {
		return fmt.Errorf("the sheet %q cannot be read: %w", sheet, err)
	}
	defer rows.Close() //nolint:errcheck // a temporary file
	for n := 0; rows.Next(); n++ {
		cells, err := columns(rows)
		if err != nil {
			return fmt.Errorf("row %d of the sheet %q cannot be read: %w", n+1, sheet, err)
		}
		empty := true
		for i := range cells {
			cells[i] = text(cells[i])
			empty = empty && cells[i] == ""
		}
		switch {
		case n < skip:
			err = skipped(cells)
		case !empty:
			err = fn(cells)
		}
		if err != nil {
			return &takeError{err}
		}
	}
	return nil
}

// takeError is what the caller's function returned.
type takeError struct{ error }

func (e *takeError) Unwrap() error { return e.error }

// Taken is the error of the function that takes rows; nil if err is about the
// workbook.
func Taken(err error) error {
	var t *takeError
	if errors.As(err, &t) {
		return t.error
	}
	return nil
}

func columns(rows *excelize.Rows) (cells []string, err error) {
	defer recovered(&err)
	return rows.Columns()
}

// Dates get a format of our own: a mark, then ISO 8601.
const (
	mark     = "\uE0DA"
	dateCode = `"` + mark + `"yyyy-mm-dd"T"hh:mm:ss.000`
	timeCode = `"` + mark + `"hh:mm:ss.000`
)

// text is a cell without blanks around it, and without the parts of a date that
// are zero.
func text(cell string) string {
	cell = strings.Trim(cell, " \t\r\n\u00a0")
	date, ok := strings.CutPrefix(cell, mark)
	if !ok {
		return cell
	}
	date = strings.TrimSuffix(date, ".000")
	return strings.TrimSuffix(date, "T00:00:00")
}

// isoDates changes the formats of dates and times. Numbers without a format stay
// as they are: the library would shorten long ones.
func (b *Book) isoDates() error {
	styles := b.file.Styles
	if styles == nil || styles.CellXfs == nil {
		return nil
	}
	codes := map[int]string{}
	if styles.NumFmts != nil {
		for _, f := range styles.NumFmts.NumFmt {
			codes[f.NumFmtID] = f.FormatCode
		}
	}
	formats := len(styles.CellXfs.Xf)
	var ids [2]int
	for i, code := range []string{dateCode, timeCode} {
		style, err := b.file.NewStyle(&excelize.Style{CustomNumFmt: &code})
		if err != nil {
			return err
		}
		ids[i] = *styles.CellXfs.Xf[style].NumFmtID
	}
	none := -1
	for i := range styles.CellXfs.Xf[:formats] {
		xf := &styles.CellXfs.Xf[i]
		if xf.NumFmtID == nil {
			continue
		}
		id := *xf.NumFmtID
		code, custom := codes[id]
		if !custom {
			code = builtin(id)
		}
		switch code = meaning(code); {
		case id == 0:
			xf.NumFmtID = &none
		case date.MatchString(code):
			xf.NumFmtID = &ids[0]
		case clock.MatchString(code):
			xf.NumFmtID = &ids[1]
		}
	}
	return nil
}

// builtin stands for the formats of dates and times that every workbook has.
func builtin(id int) string {
	const day, hour = "yyyy", "hh"
	for _, b := range [...]struct {
		first, last int
		code        string
	}{{14, 17, day}, {18, 21, hour}, {22, 22, day}, {27, 31, day}, {32, 35, hour}, {36, 36, day}, {50, 58, day}} {
		if id >= b.first && id <= b.last {
			return b.code
		}
	}
	return ""
}

var (
	// literal is what has no meaning in a format: text, colours, locales, padding.
	literal = regexp.MustCompile(`"[^"]*"|\\.|_.|\*.|\[[^\]]*\]`)
	date    = regexp.MustCompile(`(?i)[yd]|^[^hs]*m[^hs]*$`)
	clock   = regexp.MustCompile(`(?i)[hs]`)
	elapsed = regexp.MustCompile(`(?i)\[[hms]+\]`)
)

// meaning is the first part of a format without literals. Durations have none.
func meaning(code string) string {
	code, _, _ = strings.Cut(code, ";")
	if elapsed.MatchString(code) {
		return ""
	}
	code = literal.ReplaceAllString(code, "")
	if strings.EqualFold(code, "general") || strings.EqualFold(code, "standard") {
		return ""
	}
	return code
}
