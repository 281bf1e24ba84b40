package diff

import (
	"encoding/json"

	"github.com/weir-project/weir/pipeline/status"
)

// finding and repaired are status.Finding and status.Repair with every member: who
// reads the output of a command should not have to know which may be absent.
type finding struct {
	Code     string           `json:"code"`
	Path     string           `json:"path"`
	Class    string           `json:"class"`
	Before   string           `json:"before"`
	After    string           `json:"after"`
	Sentence string           `json:"sentence"`
	Breaking bool             `json:"breaking"`
	Fields   []string         `json:"fields"`
	Evidence *status.Evidence `json:"evidence"`
}

type repaired struct {
	Patch      string   `json:"patch"`
	Changes    []string `json:"changes"`
	Confidence float64  `json:"confidence"`
	Safe       bool     `json:"safe"`
	Events     int64    `json:"events"`
	Rejected   int64    `json:"rejected"`
}

// MarshalJSON writes all members; repair is null if there is none.
func (r *Result) MarshalJSON() ([]byte, error) {
	out := struct {
		Class    string    `json:"class"`
		Breaking bool      `json:"breaking"`
		Findings []finding `json:"findings"`
		Repair   *repaired `json:"repair"`
	}{r.Class, r.Breaking, make([]finding, 0, len(r.Findings)), nil}
	for i := range r.Findings {
		f := &r.Findings[i]
		fields := f.Fields
		if fields == nil {
			fields = []string{}
		}
		out.Findings = append(out.Findings, finding{f.Code, f.Path, f.Class, f.Before, f.After, f.Sentence, f.Breaking, fields, f.Evidence})
	}
	if m := r.Repair; m != nil {
		out.Repair = &repaired{m.Patch, m.Changes, m.Confidence, m.Safe, m.Events, m.Rejected}
	}
	return json.Marshal(out)
}
