package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileIDEA(*v1alpha1.IDEASpec) (format, error) {
	return nil, errors.New("spec.input.idea: is not there yet")
}
