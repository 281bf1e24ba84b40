package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileSTIX(*v1alpha1.STIXSpec) (format, error) {
	return nil, errors.New("spec.input.stix: is not there yet")
}
