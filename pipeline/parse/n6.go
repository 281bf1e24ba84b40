package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileN6(*v1alpha1.N6Spec) (format, error) {
	return nil, errors.New("spec.input.n6: is not there yet")
}
