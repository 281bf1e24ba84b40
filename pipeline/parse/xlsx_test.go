package parse

import (
	"archive/zip"
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// workbookOf writes sheets of rows; a row of a single string with "=" before it is
// left to change.
func workbookOf(t testing.TB, sheets map[string][][]any, change func(f *excelize.File)) string {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for _, name := range []string{"Sheet1", "IOC"} {
		rows, ok := sheets[name]
		if !ok {
			continue
		}
		if _, err := f.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			cell, _ := excelize.CoordinatesToCellName(1, i+1)
			if err := f.SetSheetRow(name, cell, &row); err != nil {
				t.Fatal(err)
			}
		}
	}
	if change != nil {
		change(f)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// rezip changes the parts of a workbook.
func rezip(t testing.TB, data string, change func(name, content string) string) string {
	t.Helper()
	in, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, part := range in.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		text := change(part.Name, string(content))
		if text == "" {
			continue
		}
		w, err := out.Create(part.Name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
	}
	out.Close()
	return b.String()
}

const xlsxMapping = `
mapping:
- {field: ip, from: [ip], required: true}
- {field: name, from: [name]}
- {field: extra.n, from: [num]}
`

var seen = time.Date(2026, 11, 20, 4, 2, 11, 0, time.UTC)

func TestXLSX(t *testing.T) {
	table := [][]any{{"ip", "name", "num"}, {"192.0.2.1", " a \n", 1}, {}, {"192.0.2.2", nil, 1732075200123.0}, {"192.0.2.3", "c", true}}
	plain := workbookOf(t, map[string][][]any{"Sheet1": table}, nil)
	rows := []string{"192.0.2.1|a|1", "192.0.2.2||1732075200123", "192.0.2.3|c|TRUE"}
	style := func(f *excelize.File, cell string, id int, code string) {
		s := &excelize.Style{NumFmt: id}
		if code != "" {
			s.CustomNumFmt = &code
		}
		style, err := f.NewStyle(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetCellStyle("Sheet1", cell, cell, style); err != nil {
			t.Fatal(err)
		}
	}
	ips := func(values ...any) [][]any {
		rows := [][]any{{"ip", "name", "num"}}
		for _, v := range values {
			rows = append(rows, []any{"192.0.2.1", "", v})
		}
		return rows
	}
	part := func(name, old, new string) string {
		return rezip(t, plain, func(n, content string) string {
			if n == name {
				if !strings.Contains(content, old) {
					t.Fatalf("%s lacks %s: %s", name, old, content)
				}
				return strings.Replace(content, old, new, 1)
			}
			return content
		})
	}
	const sheet = "xl/worksheets/sheet1.xml"
	for _, c := range []parseCase{
		{name: "a table", payload: plain, events: rows},
		{
			name: "a named sheet, rows to skip", spec: "input: {xlsx: {sheet: ioc, skipRows: 2}, capture: [{name: day, pattern: 'Report of (\\S+)'}]}\nmapping: [{field: ip, from: [ip]}, {field: name, from: [$meta.day]}]",
			payload: workbookOf(t, map[string][][]any{"Sheet1": {{"Read me"}}, "IOC": {{"List"}, {"Report of 2026-11-20"}, {"ip"}, {"192.0.2.1"}}}, nil), events: []string{"192.0.2.1|2026-11-20|"},
		},
		{
			name: "no header", spec: "input: {xlsx: {header: None, columns: [ip, name]}}\nmapping: [{field: ip, from: [ip]}, {field: name, from: [name]}]",
			payload: workbookOf(t, map[string][][]any{"Sheet1": {{"192.0.2.1", "a", "more"}, {"192.0.2.2"}}}, nil), events: []string{"192.0.2.1|a|", "192.0.2.2||"},
		},
		{
			name: "dates and numbers as a person sees them",
			payload: workbookOf(t, map[string][][]any{"Sheet1": ips(seen, seen, seen.Truncate(24*time.Hour), seen, 0.5, 0.955, 7, 1732075200123.0, 1.5, 0.1, "20/11/2026", seen)}, func(f *excelize.File) {
				style(f, "C2", 22, "")
				style(f, "C3", 0, `[$-409]d\-mmm\-yy h:mm AM/PM;@`)
				style(f, "C4", 14, "")
				style(f, "C5", 0, "yyyy")
				style(f, "C6", 20, "")
				style(f, "C7", 10, "")
				style(f, "C8", 0, "0000")
				style(f, "C9", 0, "")
				style(f, "C10", 46, "")
				style(f, "C11", 0, `0.00" days"`)
				style(f, "C12", 14, "")
				style(f, "C13", 0, "[Red]dd.mm.yyyy")
			}),
			events: []string{
				"192.0.2.1||2026-11-20T04:02:11", "192.0.2.1||2026-11-20T04:02:11", "192.0.2.1||2026-11-20", "192.0.2.1||2026-11-20T04:02:11", "192.0.2.1||12:00:00", "192.0.2.1||95.50%",
				"192.0.2.1||0007", "192.0.2.1||1732075200123", "192.0.2.1||36:00:00", "192.0.2.1||0.10 days", "192.0.2.1||20/11/2026", "192.0.2.1||2026-11-20T04:02:11",
			},
		},
		{
			name: "rows that are wider than the header", payload: workbookOf(t, map[string][][]any{"Sheet1": {{"ip", "name", "num"}, {"192.0.2.1", "a", "b", "", "note"}, {"192.0.2.2"}}}, nil),
			events: []string{"192.0.2.2||"}, rejected: []string{"the row has 5 cells, the header has 3"}, records: []string{"192.0.2.1\ta\tb\t\tnote"},
		},
		{
			name: "a row that is too long", spec: "input: {maxRecordBytes: 64, xlsx: {}}" + xlsxMapping, payload: workbookOf(t, map[string][][]any{"Sheet1": {{"ip", "name", "num"}, {"192.0.2.1", strings.Repeat("x", 60)}, {"192.0.2.2"}}}, nil),
			events: []string{"192.0.2.2||"}, rejected: []string{"longer than 64 bytes"},
		},
		{name: "no such sheet", spec: "input: {xlsx: {sheet: Data}}" + xlsxMapping, payload: plain, err: `there is no sheet "Data"; it has: Sheet1`},
		{name: "the first visible sheet", payload: workbookOf(t, map[string][][]any{"Sheet1": {{"hidden"}}, "IOC": table}, func(f *excelize.File) { f.SetActiveSheet(1); f.SetSheetVisible("Sheet1", false) }), events: rows},
		{name: "none of the columns", payload: workbookOf(t, map[string][][]any{"Sheet1": {{"a", "b"}, {1, 2}}}, nil), err: "the header has none of the columns"},
		{name: "a table without rows", payload: workbookOf(t, map[string][][]any{"Sheet1": {{"ip", "name", "num"}}}, nil)},
		{name: "an empty sheet", payload: workbookOf(t, nil, nil)},
		{name: "an empty payload"},
		{name: "a sheet that breaks off", payload: part(sheet, "</sheetData>", ""), err: "xl/worksheets/sheet1.xml is broken"},
		{name: "a sheet with bad XML", payload: part(sheet, "<row", "<row><&"), err: "xl/worksheets/sheet1.xml is broken"},
		{name: "a shared string that is not there", payload: part(sheet, "<v>0</v>", "<v>-1</v>"), err: "row 1 of the sheet"},
		{name: "a row beyond the last", payload: part(sheet, `<row r="2"`, `<row r="999999999"`), err: "row 999999999 is beyond the last row"},
		{name: "too deep", payload: part(sheet, "</worksheet>", strings.Repeat("<a>", 99)+strings.Repeat("</a>", 99)+"</worksheet>"), err: "nested deeper than 64"},
		{name: "no workbook", payload: rezip(t, plain, func(name, content string) string {
			if name == "xl/workbook.xml" {
				return ""
			}
			return content
		}), err: "the archive has no workbook"},
		{name: "HTML", payload: "<html><title>Sign in</title>", err: `it looks like HTML ("Sign in"), not XLSX`},
		{name: "CSV", payload: "ip,name\n", err: "it is no zip archive, as XLSX is"},
		{name: "gzip", payload: "\x1f\x8b\x08", err: "it looks like gzip, not XLSX"},
		{name: "an old workbook", payload: "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 600), err: "an old Office document (.xls), not XLSX"},
		{name: "half of a workbook", payload: plain[:len(plain)/2], err: "the archive is broken or breaks off"},
	} {
		if c.spec == "" {
			c.spec = "input: {xlsx: {}}" + xlsxMapping
		}
		c.fields = "ip name extra.n"
		c.run(t)
	}
	protected := func() string {
		f := excelize.NewFile()
		var b bytes.Buffer
		if err := f.Write(&b, excelize.Options{Password: "secret"}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}()
	encrypted := parseCase{name: "encrypted", spec: "input: {xlsx: {}}" + xlsxMapping, payload: protected, err: "the workbook is encrypted with a password"}
	encrypted.run(t)
}

func TestABrokenWorkbookHarmsNobody(t *testing.T) {
	data := workbookOf(t, map[string][][]any{"Sheet1": {{"ip", "name", "num"}, {"192.0.2.1", "a", seen}}}, nil)
	p := parserOf(t, "input: {xlsx: {}}"+xlsxMapping+"\nconstants: {category: bots}")
	for i := 0; i < len(data); i += 5 {
		parseRubbish(t, p, strings.NewReader(data[:i]))
		parseRubbish(t, p, strings.NewReader(data[:i]+"\x55"+data[i+1:]))
	}
}

func TestAWorkbookThatUnpacksToTooMuchIsRefused(t *testing.T) {
	t.Cleanup(runtime.GC) // other tests measure the heap
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, name := range []string{"xl/workbook.xml", "xl/media/a.bin"} {
		w, _ := out.Create(name)
		zeros := make([]byte, 1<<20)
		for range 150 {
			w.Write(zeros)
		}
	}
	out.Close()
	p := parserOf(t, "input: {xlsx: {}}"+xlsxMapping+"\nconstants: {category: bots}")
	_, err := p.Parse(t.Context(), &b, testMeta, &collect{}, nil)
	if err == nil || !strings.Contains(err.Error(), "unpacked it is larger than 256 MiB") {
		t.Errorf("got %v", err)
	}
	_, err = p.Parse(t.Context(), io.MultiReader(strings.NewReader("PK"), io.LimitReader(zeros{}, 65<<20)), testMeta, &collect{}, nil)
	if err == nil || !strings.Contains(err.Error(), "it is larger than 64 MiB") {
		t.Errorf("got %v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestBadXLSXSpecsAreRefusedWithTheMend(t *testing.T) {
	for spec, want := range map[string]string{
		"{xlsx: {header: None}}":                       "spec.input.xlsx.columns: are needed for header: None",
		"{xlsx: {columns: [ip]}}":                      "spec.input.xlsx.columns: are for header: None",
		"{xlsx: {header: Commented}}":                  `spec.input.xlsx.header: "Commented" is neither First nor None`,
		"{xlsx: {header: None, columns: [ip, ip]}}":    `spec.input.xlsx.columns[1]: "ip" is columns[0] already`,
		"{xlsx: {}, capture: [{name: a, pattern: b}]}": "spec.input.capture[0].pattern: is tried on the rows that spec.input.xlsx.skipRows skips",
		"{xlsx: {}, capture: [{name: a, path: b}]}":    "spec.input.capture[0].path: is for json and xml",
	} {
		_, err := Compile(specOf(t, "input: "+spec+csvMapping+"constants: {category: bots}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", spec, err, want)
		}
	}
}

func FuzzXLSX(f *testing.F) {
	data := workbookOf(f, map[string][][]any{"Sheet1": {{"ip", "name", "num"}, {"192.0.2.1", "a", seen}}}, nil)
	in, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		f.Fatal(err)
	}
	// What is fuzzed are the parts: an archive with an error in it does not get far.
	parts := map[string]string{}
	for _, part := range in.File {
		r, _ := part.Open()
		content, _ := io.ReadAll(r)
		parts[part.Name] = string(content)
	}
	f.Add(parts["xl/worksheets/sheet1.xml"], parts["xl/sharedStrings.xml"], parts["xl/styles.xml"], parts["xl/workbook.xml"])
	f.Add(`<worksheet><sheetData><row><c t="inlineStr"><is><t>ip</t></is></c></row><row r="5"><c r="C5" s="1"><v>1.5</v></c></row></sheetData></worksheet>`, "", "", parts["xl/workbook.xml"])
	p := parserOf(f, "input: {xlsx: {}}"+xlsxMapping+"\nconstants: {category: bots}")
	f.Fuzz(func(t *testing.T, sheet, strings, styles, book string) {
		var b bytes.Buffer
		out := zip.NewWriter(&b)
		for name, content := range parts {
			switch name {
			case "xl/worksheets/sheet1.xml":
				content = sheet
			case "xl/sharedStrings.xml":
				content = strings
			case "xl/styles.xml":
				content = styles
			case "xl/workbook.xml":
				content = book
			}
			w, _ := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			w.Write([]byte(content))
		}
		out.Close()
		parseRubbish(t, p, &b)
	})
}

func BenchmarkXLSX(b *testing.B) {
	rows := [][]any{{"ip", "name", "num"}}
	for i := range benchRows {
		rows = append(rows, []any{"192.0.2.1", "emotet", i})
	}
	data := workbookOf(b, map[string][][]any{"Sheet1": rows}, nil)
	benchmarkPayload(b, parserOf(b, "input: {xlsx: {}}"+xlsxMapping+"\nconstants: {category: bots}"), []byte(data), benchRows)
}
