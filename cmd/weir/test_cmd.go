package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/schema"
)

func newTest() *cobra.Command {
	var file, schemaFile string
	cmd := &cobra.Command{
		Use:   "test -f DIR",
		Short: "Run the examples inside every Parser",
		Long: `Run the examples inside every Parser. Exits 0 when all pass, 1 otherwise.

The examples of a Parser with spec.input.schemaSet are read with the schema
document that is one of them, or with that of --schema.`,
		Example: "  weir test -f config/samples/quickstart",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			res, err := loadStrict(cmd.Context(), file, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			doc, err := readSchema(schemaFile, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			passed, failed := 0, 0
			for i := range res.Objects.Parsers {
				p := &res.Objects.Parsers[i]
				if len(p.Spec.Examples) == 0 {
					fmt.Fprintf(out, "none  %s/%s has no examples\n", p.Namespace, p.Name)
				}
				for _, r := range runExamples(res.ParserSpec(p), doc) {
					if r.OK {
						passed++
						fmt.Fprintf(out, "ok    %s/%s: %s\n", p.Namespace, p.Name, r.Name)
						continue
					}
					failed++
					fmt.Fprintf(out, "FAIL  %s/%s: %s\n      %s\n", p.Namespace, p.Name, r.Name,
						strings.ReplaceAll(strings.TrimSpace(r.Diff), "\n", "\n      "))
				}
			}
			fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
			if failed > 0 {
				return &exitError{code: 1}
			}
			return nil
		},
	}
	fileFlag(cmd, &file, "file or folder of manifests")
	schemaFlag(cmd, &schemaFile)
	return cmd
}

func runExamples(spec *v1alpha1.ParserSpec, doc *schema.Document) []parse.ExampleResult {
	if doc != nil && spec.Input.SchemaSet != nil {
		return parse.RunExamplesWith(spec, doc)
	}
	return parse.RunExamples(spec)
}
