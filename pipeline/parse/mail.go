package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileMail(*v1alpha1.MailSpec) (format, error) {
	return nil, errors.New("spec.input.mail: is not there yet")
}
