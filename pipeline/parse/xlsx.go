package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileXLSX(*v1alpha1.XLSXSpec) (format, error) {
	return nil, errors.New("spec.input.xlsx: is not there yet")
}
