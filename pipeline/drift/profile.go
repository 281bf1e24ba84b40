package drift

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a profile. Whatever a payload contains, the profile's JSON stays
// below MaxBytes.
const (
	MaxBytes = 200 << 10

	version     = 1
	maxColumns  = 1024
	maxPaths    = 1024
	maxName     = 256 // bytes of a column or path; the schema allows no longer ones
	maxNames    = 64 << 10
	maxSamples  = 3
	maxSample   = 64
	maxCells    = 32
	maxReasons  = 32
	maxExcerpt  = 80
	maxBaseline = 8192 // values that a baseline remembers of a column
	maxWeight   = 1024 // of them, how many one payload can be
)

// Profile is what is known about the format of a payload, or, merged from many,
// of a feed. Its JSON form is kept in the state bucket and below MaxBytes.
type Profile struct {
	Version int `json:"version"`
	// Input is a digest of the Parser's input section: profiles of different
	// inputs cannot be compared column by column.
	Input string `json:"input"`
	// Declared is the format that the Parser expects: csv, json, jsonLines, text.
	Declared string `json:"declared"`
	// Container is the format that the first bytes show: Declared, unless they
	// are clearly something else: html, xml, json, binary or an archive, empty.
	Container string `json:"container"`
	// Excerpt shows a foreign container: the title of a page, the first line.
	Excerpt string `json:"excerpt,omitempty"`
	// Unreadable is why the payload could not be read as a whole.
	Unreadable string `json:"unreadable,omitempty"`

	// Named tells that Columns come from the payload and not from the Parser.
	Named bool `json:"named,omitempty"`
	// Open tells that columns may come, move and go, unless they are required: a
	// schema document says which there are.
	Open bool `json:"open,omitempty"`
	// Columns in order (CSV, text).
	Columns []string `json:"columns,omitempty"`
	// Cells tells how many records have how many cells.
	Cells map[int]int64 `json:"cells,omitempty"`
	// Paths are the leaf paths of JSON records.
	Paths map[string]*Path `json:"paths,omitempty"`

	// Payloads is how many payloads the profile was merged from.
	Payloads int64 `json:"payloads"`
	// Records that were read; of a long payload only a part was looked at.
	Records int64 `json:"records"`
	Looked  int64 `json:"looked"`
	// Walked is of how many of them the Paths are.
	Walked int64 `json:"walked,omitempty"`
	// Events and Rejected count what became of the records.
	Events   int64 `json:"events"`
	Rejected int64 `json:"rejected"`
	// Reasons of rejection, by field.
	Reasons map[string]Reason `json:"reasons,omitempty"`

	// Bytes and Lines of the payload; Cut tells that its last line is not complete
	// although the first one is.
	Bytes int64 `json:"bytes,omitempty"`
	Lines int64 `json:"lines,omitempty"`
	Cut   bool  `json:"cut,omitempty"`
	// Head is how the payload begins, for what a publisher says instead of data. It
	// is not kept in a baseline.
	Head string `json:"-"`
	// Lead are checksums of the comments at the beginning of the last payload with
	// records: what is always said there is no news.
	Lead []uint32 `json:"lead,omitempty"`
	// Files are the names of the payload's files, with # for numbers, if rules read
	// them.
	Files []string `json:"files,omitempty"`
	// Repeated tells that each of the first records came exactly once more.
	Repeated bool `json:"repeated,omitempty"`
	// Newest is how many seconds before it was collected the newest event of the
	// payload was; Dated counts the events with a time of their own, Future those
	// more than a day ahead.
	Newest int64 `json:"newest,omitempty"`
	Dated  int64 `json:"dated,omitempty"`
	Future int64 `json:"future,omitempty"`
	// Span is how many seconds lie between its oldest and its newest event. Rising
	// counts events that are later than the one before them, Falling earlier ones.
	Span    int64 `json:"span,omitempty"`
	Rising  int64 `json:"rising,omitempty"`
	Falling int64 `json:"falling,omitempty"`
	// Ranges counts events with a first and a last time, Reversed those whose last
	// time is before the first one.
	Ranges   int64 `json:"ranges,omitempty"`
	Reversed int64 `json:"reversed,omitempty"`
	// Times are those of some events of the last payload. Of Again events that came
	// once more, Same had the time that they had before.
	Times []Dated `json:"times,omitempty"`
	Again int64   `json:"again,omitempty"`
	Same  int64   `json:"same,omitempty"`
	// Doubt is the evidence that more and more records are rejected, see evidence.
	Doubt []float64 `json:"doubt,omitempty"`

	// Inputs are the columns or paths that the mapping uses.
	Inputs []Column `json:"inputs,omitempty"`
	// Others are columns or paths that it does not use, from a small sample.
	Others []Column `json:"others,omitempty"`
}

// Column is what is known about the values of a column or path.
type Column struct {
	Name string `json:"name"`
	// Rules is a digest of the mapping rules that read it.
	Rules string `json:"rules,omitempty"`
	// Fields are the event fields that it fills.
	Fields   []string `json:"fields,omitempty"`
	Required bool     `json:"required,omitempty"`
	// Values, Empty and Absent sum up to the records that were looked at.
	Values int64 `json:"values"`
	Empty  int64 `json:"empty,omitempty"`
	Absent int64 `json:"absent,omitempty"`
	// Unseen counts the records of paths since one had a value.
	Unseen int64 `json:"unseen,omitempty"`
	// Kinds of the values that are not empty.
	Kinds Counts `json:"kinds"`
	// Layouts of the timestamps among them.
	Layouts Layouts `json:"layouts,omitempty"`
	// Samples are a few different values.
	Samples []string `json:"samples,omitempty"`
	// Top are the most frequent values; Lost is what their counts may be too low by.
	Top  []Frequent `json:"top,omitempty"`
	Lost int64      `json:"lost,omitempty"`
	// Sketch is a sample of the different values of the last payload.
	Sketch Sketch `json:"sketch,omitempty"`
	// Split counts values that a separator of the rules takes apart, Unsplit those
	// that another one would.
	Split   int64 `json:"split,omitempty"`
	Unsplit int64 `json:"unsplit,omitempty"`
	// Members is what is known of values that are lists.
	Members *Members `json:"members,omitempty"`
	// Anchor is what the column was when it was adopted: a change that is too slow
	// for a payload to show does not move it.
	Anchor *Anchor `json:"anchor,omitempty"`
	// Doubt is the evidence that the values are less and less of their kind, Missing
	// that they are missing more and more; see evidence.
	Doubt   []float64 `json:"doubt,omitempty"`
	Missing []float64 `json:"missing,omitempty"`

	optional          bool                // see mayMiss
	separators, nulls []string            // see cleaning
	readers           []func(string) bool // see timeReaders
	leaf              string              // see leafOf
}

// Anchor is the family of kinds of a column: Right of Of values are in it.
type Anchor struct {
	Family string `json:"family"`
	Right  int64  `json:"right"`
	Of     int64  `json:"of"`
	// Fresh is how many of them had not come before, see renewal.
	Fresh float64 `json:"fresh,omitempty"`
}

func (a *Anchor) fresh() float64 {
	if a.Fresh == 0 { // of an older state
		return float64(a.Of)
	}
	return a.Fresh
}

// floor is the share that its values have at least.
func (a *Anchor) floor() float64 {
	n := a.fresh()
	return floorOf(int64(math.Round(n*share(a.Right, a.Of))), int64(math.Round(n)))
}

// Path is a leaf of JSON records.
type Path struct {
	// Records that have it.
	Records int64 `json:"records"`
	// Types of its values; an array has several.
	Types Types `json:"types"`
}

// Reason is why records were rejected.
type Reason struct {
	Count int64 `json:"count"`
	// First is the reason of the first of them.
	First string `json:"first"`
}

// Decode reads a profile that Encode wrote. A profile of another version is no
// error: it yields nil, and the format is learned anew.
func Decode(b []byte) (*Profile, error) {
	var p Profile
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if p.Version != version {
		return nil, nil
	}
	maps.DeleteFunc(p.Paths, func(_ string, path *Path) bool { return path == nil })
	return &p, nil
}

// Encode returns the JSON of a profile, at most MaxBytes. Where it would be
// longer, what only serves explanations is left out.
func (p *Profile) Encode() ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	small := *p
	for _, shrink := range []func(*Profile){
		func(p *Profile) { p.Others = nil },
		func(p *Profile) {
			p.Inputs = slices.Clone(p.Inputs)
			for i := range p.Inputs {
				p.Inputs[i].Sketch, p.Inputs[i].Top = nil, nil
			}
		},
		func(p *Profile) {
			for i := range p.Inputs {
				p.Inputs[i].Samples = nil
			}
		},
		func(p *Profile) { p.Paths = nil },
		func(p *Profile) { p.Reasons = nil },
		func(p *Profile) { p.Inputs = p.Inputs[:min(len(p.Inputs), 256)] },
	} {
		if len(b) <= MaxBytes {
			return b, nil
		}
		shrink(&small)
		if b, err = json.Marshal(&small); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
	}
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("profile: %d bytes, at most %d are kept", len(b), MaxBytes)
	}
	return b, nil
}

// walked is how many records the paths are of; profiles used to walk through all
// that they looked at.
func (p *Profile) walked() int64 {
	if p.Walked == 0 {
		return p.Looked
	}
	return p.Walked
}

// input returns what is known about a mapped column; nil if nothing.
func (p *Profile) input(name string) *Column {
	return find(p.Inputs, name)
}

// at is input for the one that is mostly at i.
func (p *Profile) at(i int, name string) *Column {
	if i < len(p.Inputs) && p.Inputs[i].Name == name {
		return &p.Inputs[i]
	}
	return p.input(name)
}

// column returns what is known about any column.
func (p *Profile) column(name string) *Column {
	if c := p.input(name); c != nil {
		return c
	}
	return find(p.Others, name)
}

func find(columns []Column, name string) *Column {
	for i := range columns {
		if columns[i].Name == name {
			return &columns[i]
		}
	}
	return nil
}

// modalCells is the most frequent number of cells.
func (p *Profile) modalCells() int {
	best, most := 0, int64(0)
	for cells, n := range p.Cells {
		if n > most || n == most && cells > best {
			best, most = cells, n
		}
	}
	return best
}

// cut returns a copy of at most n bytes of s that is valid UTF-8.
func cut(s string, n int) string {
	if plain(s[:min(len(s), n)]) {
		return strings.Clone(s[:min(len(s), n)])
	}
	if len(s) > n {
		s = s[:n]
		for s != "" && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if r, size := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && size == 1 {
			s = s[:len(s)-1]
		}
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// plain tells whether all is printable ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
