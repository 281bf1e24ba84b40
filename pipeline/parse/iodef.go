package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileIODEF(*v1alpha1.IODEFSpec) (format, error) {
	return nil, errors.New("spec.input.iodef: is not there yet")
}
