package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileKeyValue(*v1alpha1.KeyValueSpec) (format, error) {
	return nil, errors.New("spec.input.keyValue: is not there yet")
}
