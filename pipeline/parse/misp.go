package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileMISP(*v1alpha1.MISPSpec) (format, error) {
	return nil, errors.New("spec.input.misp: is not there yet")
}
