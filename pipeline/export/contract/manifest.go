package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weir-project/weir/pipeline/export/format"
)

// Manifest is what an export says of itself. URLs are relative to the manifest's
// own, so that they hold behind any proxy.
type Manifest struct {
	Feed          string             `json:"feed"`
	SchemaVersion string             `json:"schema_version"`
	Status        Status             `json:"status"`
	Schema        string             `json:"schema"`
	SHA256        string             `json:"sha256"` // of the schema
	MediaTypes    []string           `json:"media_types"`
	Columns       []format.Described `json:"columns"`
	// UpdateInterval, an ISO 8601 duration, is absent where answers show what is
	// known at the time of the request.
	UpdateInterval string `json:"update_interval,omitempty"`
	// Retention, an ISO 8601 duration, is absent where nothing is forgotten.
	Retention     string            `json:"retention,omitempty"`
	EmptyIsNormal bool              `json:"empty_is_normal"`
	Versions      []ManifestVersion `json:"versions"`
	Changes       []ManifestChange  `json:"changes"`
	Notice        ManifestNotice    `json:"notice"`
	Contact       string            `json:"contact,omitempty"`
}

// ManifestVersion is one version that is, was or will be served.
type ManifestVersion struct {
	V            string `json:"v"`
	Status       Status `json:"status"`
	From         string `json:"from,omitempty"`
	DeprecatedAt string `json:"deprecated_at,omitempty"`
	SunsetAt     string `json:"sunset_at,omitempty"`
	Successor    string `json:"successor,omitempty"`
	Emergency    string `json:"emergency,omitempty"`
	URL          string `json:"url"`
}

// ManifestChange is one difference between a version and the one before.
type ManifestChange struct {
	At    string `json:"at,omitempty"`
	From  string `json:"from"`
	To    string `json:"to"`
	Class string `json:"class"` // major, minor or patch
	Code  string `json:"code"`
	Path  string `json:"path,omitempty"`
	Text  string `json:"text"`
}

// ManifestNotice is how long before a change subscribers are told.
type ManifestNotice struct {
	Major   string `json:"major"`
	Minor   string `json:"minor"`
	Overlap string `json:"overlap"`
}

// notice as the schema of Subscriptions enforces it.
var notice = ManifestNotice{Major: "P90D", Minor: "P14D", Overlap: "P30D"}

// About is what a manifest needs to know beside the line.
type About struct {
	Feed string
	// Path of the export without a version: report/inside.csv.
	Path string
	// Root leads from the manifest to where versions begin: ../../ and the like.
	Root string
	// UpdateInterval and Retention are 0 where they are not known.
	UpdateInterval, Retention time.Duration
	Now                       time.Time
	Transitions               []Transition
}

// SchemaOf is the schema document of an edition.
func (l *Line) SchemaOf(e *Edition, feed string) []byte {
	return e.Shape.Schema(feed, e.Version.String())
}

// Manifest of an edition, as JSON.
func (l *Line) Manifest(e *Edition, a About) []byte {
	sum := sha256.Sum256(l.SchemaOf(e, a.Feed))
	m := Manifest{Feed: a.Feed, SchemaVersion: e.Version.String(), Status: l.Status(e, a.Now), Schema: "schema.json",
		SHA256: hex.EncodeToString(sum[:]), MediaTypes: []string{e.Shape.MediaType()}, Columns: e.Shape.Describe(),
		UpdateInterval: isoDuration(a.UpdateInterval), Retention: isoDuration(a.Retention),
		// A query that finds nothing and a stream in a quiet hour are in order.
		EmptyIsNormal: true, Changes: []ManifestChange{}, Notice: notice, Contact: l.Contact}
	for _, x := range l.Editions {
		m.Versions = append(m.Versions, l.version(x, a))
	}
	for _, t := range a.Transitions {
		for _, f := range t.Findings {
			c := ManifestChange{From: t.From.Text, To: t.To.Text, Class: f.Level.String(), Code: f.Code, Path: f.Path, Text: f.Sentence}
			if t.To.Spec != nil && t.To.Spec.From != nil {
				c.At = stamp(t.To.Spec.From.Time)
			}
			m.Changes = append(m.Changes, c)
		}
	}
	b, _ := json.MarshalIndent(m, "", "  ") // strings, booleans and lists of them always marshal
	return append(b, '\n')
}

func (l *Line) version(e *Edition, a About) ManifestVersion {
	v := ManifestVersion{V: e.Text, Status: l.Status(e, a.Now), URL: a.Root + "v" + e.Text + "/" + a.Path}
	if s := e.Spec; s != nil {
		v.Successor, v.Emergency = s.Successor, s.Emergency
		if s.From != nil {
			v.From = stamp(s.From.Time)
		}
		if s.Deprecated != nil {
			v.DeprecatedAt = stamp(s.Deprecated.Time)
		}
		if s.Sunset != nil {
			v.SunsetAt = stamp(s.Sunset.Time)
		}
	}
	return v
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// isoDuration writes a duration as ISO 8601 does; "" for none.
func isoDuration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d <= 0:
		return ""
	case d%day == 0:
		return fmt.Sprintf("P%dD", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("PT%dH", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("PT%dM", d/time.Minute)
	}
	return fmt.Sprintf("PT%gS", d.Seconds())
}
