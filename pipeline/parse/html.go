package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileHTML(*v1alpha1.HTMLSpec) (format, error) {
	return nil, errors.New("spec.input.html: is not there yet")
}
