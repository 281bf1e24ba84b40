package event

import (
	"strings"
	"unicode/utf8"
)

// maxErrorValue bounds FieldError.Value, in bytes.
const maxErrorValue = 128

// fieldError copies what it keeps of the value: the error may outlive the record.
func fieldError(field, reason, value string) *FieldError {
	if len(value) > maxErrorValue {
		n := maxErrorValue
		for n > maxErrorValue-utf8.UTFMax && !utf8.RuneStart(value[n]) {
			n--
		}
		value = value[:n]
	}
	return &FieldError{Field: field, Reason: reason, Value: strings.Clone(value)}
}
