package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/schema"
)

// schemaFlag adds --schema, for Parsers with spec.input.schemaSet.
func schemaFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "schema", "", "file with the schema document, for Parsers with spec.input.schemaSet")
}

// readSchema reads the document of --schema; nil if none is given. What is wrong
// with it goes to warnings: a monitor would not put it in force by itself.
func readSchema(path string, warnings io.Writer) (*schema.Document, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, schema.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	doc, err := schema.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range doc.Problems {
		fmt.Fprintf(warnings, "%s: %s\n", path, p)
	}
	return doc, nil
}

// schemaFits says why a document is not for the Parser.
func schemaFits(spec *v1alpha1.ParserSpec, doc *schema.Document, path string) error {
	set := spec.Input.SchemaSet
	switch {
	case set == nil && doc != nil:
		return errors.New("--schema is for Parsers with spec.input.schemaSet")
	case set != nil && doc == nil:
		return errors.New("a Parser with spec.input.schemaSet needs --schema, the file with the schema document")
	case set != nil && set.SHA256 != "" && set.SHA256 != doc.Digest:
		return fmt.Errorf("%s has the SHA-256 %s, but spec.input.schemaSet.sha256 is %s", path, doc.Digest, set.SHA256)
	}
	return nil
}
