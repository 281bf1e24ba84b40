package mapping

import "github.com/weir-project/weir/pipeline/parse/record"

// Record is what a reader hands to a Runner. It and all its text are valid until
// the next record is read.
type Record struct {
	// Values by input, see Program.Inputs.
	Values []record.Value
	// derived are the values of derive rules.
	derived []record.Value
	// Columns and Cells of a table; a record may have more cells than columns.
	Columns, Cells []string
	// JSON is the text of a JSON record, Name its member name where records are
	// the values of an object.
	JSON, Name string
}

// Failure is why a record does not become an event.
type Failure struct {
	Field  string // of the event, or the input; may be empty
	Reason string
}

func (f *Failure) Error() string {
	if f.Field == "" {
		return f.Reason
	}
	return f.Field + ": " + f.Reason
}
