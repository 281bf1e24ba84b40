package parse

import "github.com/weir-project/weir/api/v1alpha1"

func compileN6(*v1alpha1.N6Spec) (format, error) {
	return &jsonObjects{name: "n6", what: "events of n6 in JSON", around: []string{"events"}}, nil
}
