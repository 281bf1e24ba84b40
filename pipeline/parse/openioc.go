package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileOpenIOC(*v1alpha1.OpenIOCSpec) (format, error) {
	return nil, errors.New("spec.input.openioc: is not there yet")
}
