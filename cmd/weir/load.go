package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/cmd/weir/check"
)

// loadStrict reads manifests and prints what is wrong with them; any problem is
// an error.
func loadStrict(ctx context.Context, path string, problems io.Writer) (*check.Result, error) {
	res, err := check.Load(ctx, path)
	if err != nil {
		return nil, err
	}
	for _, p := range res.Problems {
		fmt.Fprintln(problems, p)
	}
	switch {
	case len(res.Problems) > 0:
		return nil, fmt.Errorf("%s in %s", count(len(res.Problems), "problem"), path)
	case res.Count == 0:
		return nil, fmt.Errorf("%s has no object of feeds.weir.dev", path)
	}
	return res, nil
}

// count is "1 problem" or "2 problems".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// fileFlag adds -f, which must be given.
func fileFlag(cmd *cobra.Command, to *string, usage string) {
	cmd.Flags().StringVarP(to, "filename", "f", "", usage)
	if err := cmd.MarkFlagRequired("filename"); err != nil {
		panic(err) // the flag was defined a line above
	}
}

var errOutput = errors.New("-o must be json or table")
