package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/cmd/weir/check"
)

func newCheck() *cobra.Command {
	var file, output string
	cmd := &cobra.Command{
		Use:   "check -f DIR",
		Short: "Judge manifests offline, as a cluster would",
		Long: `Judge manifests with the schema and the CEL rules of the custom resource
definitions, then compile every mapping and follow every reference. Where no file
has an Exchange, the one of a FeedSource is taken to be in the cluster, and a note
says so.

Exits 0 when nothing is wrong, 1 otherwise.`,
		Example: "  weir check -f config/samples/quickstart",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return errOutput
			}
			res, err := check.Load(cmd.Context(), file)
			if err != nil {
				return err
			}
			return printCheck(cmd, res, output)
		},
	}
	fileFlag(cmd, &file, "file or folder of manifests")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, or json: one problem a line")
	return cmd
}

func printCheck(cmd *cobra.Command, res *check.Result, output string) error {
	out := cmd.OutOrStdout()
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	wrong := 0
	for _, p := range res.Problems {
		if elsewhere(res, &p) {
			fmt.Fprintf(cmd.ErrOrStderr(), "note: %s; no file has an Exchange: it is taken to be in the cluster\n", p)
			continue
		}
		wrong++
		if output == "table" {
			fmt.Fprintln(out, p)
		} else if err := enc.Encode(p); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return &exitError{code: 1}
	}
	if output == "table" {
		fmt.Fprintf(out, "%s, no problems\n", count(res.Count, "object"))
	}
	return nil
}

// elsewhere reports whether a problem is but that an Exchange is not in the files,
// as with a Secret, which may come from elsewhere too. Where the files have
// Exchanges, a name that none of them has is a mistake.
func elsewhere(res *check.Result, p *check.Problem) bool {
	return len(res.Objects.Exchanges) == 0 && p.Field == "spec.exchangeRef.name" && strings.HasPrefix(p.Message, "there is no Exchange")
}
