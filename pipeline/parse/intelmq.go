package parse

import (
	"errors"

	"github.com/weir-project/weir/api/v1alpha1"
)

func compileIntelMQ(*v1alpha1.IntelMQSpec) (format, error) {
	return nil, errors.New("spec.input.intelmq: is not there yet")
}
