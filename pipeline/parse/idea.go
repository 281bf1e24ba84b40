package parse

import (
	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/idea"
)

func compileIDEA(*v1alpha1.IDEASpec) (format, error) {
	return &jsonObjects{
		name: "idea", what: "messages of Warden (IDEA) in JSON", around: []string{"events", "data", "messages"}, rewrite: idea.Append,
	}, nil
}
