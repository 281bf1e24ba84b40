package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/weir/check"
	"github.com/weir-project/weir/pipeline/diff"
	"github.com/weir-project/weir/pipeline/status"
)

type diffOptions struct {
	try tryOptions
}

func newDiff() *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Tell how the format of a feed changed between two payloads",
		Long: `Compare two payloads of a feed (files, one of them may be - for standard input)
and tell what changed in their format, one sentence a change, and the change of the
Parser that would read the new one.

Without -f the old payload says how it is read, and every column or path of it
counts. With -f the Parser decides what is read; what no rule reads breaks nothing.

Values are no format: two payloads that differ in values alone are the same. Packed
files are looked into. Of each payload the first 8 MiB are read.

Exits 0 when nothing changed or a reader of the old payload can read the new one, 1
when it cannot, 2 when a file cannot be read or the command is wrong.`,
		Example: `  weir diff yesterday.csv today.csv
  weir diff yesterday.csv today.csv -f parser.yaml
  curl -s https://feed.example/list.csv | weir diff last.csv - -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || args[0] == "-" && args[1] == "-" {
				return &exitError{2, fmt.Errorf("diff takes two payloads, OLD and NEW; one may be - for standard input")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := compareFiles(cmd, &o, args[0], args[1])
			if err == nil {
				err = printDiff(cmd.OutOrStdout(), o.try.output, r)
			}
			if err != nil {
				return &exitError{2, err}
			}
			if r.Breaking {
				return &exitError{code: 1}
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{2, err} })
	cmd.Flags().StringVarP(&o.try.file, "filename", "f", "", "file with the Parser of the feed, and possibly its FeedSource")
	cmd.Flags().StringVar(&o.try.parser, "parser", "", "name of the Parser, if the file has several")
	cmd.Flags().StringVarP(&o.try.output, "output", "o", "text", "text or json")
	cmd.Flags().StringToStringVar(&o.try.meta, "meta", nil, "what a collector would know: url=...,filename=...,contentType=...,collected=<RFC 3339>")
	return cmd
}

func compareFiles(cmd *cobra.Command, o *diffOptions, before, after string) (*diff.Result, error) {
	if o.try.output != "text" && o.try.output != "json" {
		return nil, errors.New("-o must be text or json")
	}
	old, err := openPayload(cmd, before)
	if err != nil {
		return nil, err
	}
	now, err := openPayload(cmd, after)
	if err != nil {
		return nil, err
	}
	var opts diff.Options
	if o.try.file != "" {
		res, err := check.Load(cmd.Context(), o.try.file)
		if err != nil {
			return nil, err
		}
		parser, err := pickParser(res, &o.try, cmd.ErrOrStderr())
		if err != nil {
			return nil, err
		}
		opts.Spec = res.ParserSpec(parser)
		for _, p := range []*diff.Payload{old, now} {
			if p.Meta, err = tryMeta(res, parser, o.try.meta, p.Meta.Filename); err != nil {
				return nil, err
			}
		}
	}
	return diff.Compare(cmd.Context(), old, now, opts)
}

func openPayload(cmd *cobra.Command, path string) (*diff.Payload, error) {
	if path == "-" {
		return diff.Open(cmd.Context(), "", cmd.InOrStdin())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return diff.Open(cmd.Context(), filepath.Base(path), f)
}

func printDiff(w io.Writer, format string, r *diff.Result) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	var b bytes.Buffer
	switch {
	case len(r.Findings) == 0:
		b.WriteString("same format\n")
	case r.Breaking:
		fmt.Fprintf(&b, "%s: the old reader cannot read the new payload as it should\n", r.Class)
	default:
		fmt.Fprintf(&b, "%s: the old reader can read the new payload\n", r.Class)
	}
	for i := range r.Findings {
		printFinding(&b, &r.Findings[i])
	}
	if err := printRepair(&b, r); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

func printFinding(b *bytes.Buffer, f *status.Finding) {
	mark := " "
	if f.Breaking {
		mark = "!"
	}
	fmt.Fprintf(b, "%s %s\n", mark, f.Sentence)
	if f.Before != "" {
		fmt.Fprintf(b, "    before  %s\n", f.Before)
	}
	if f.After != "" {
		fmt.Fprintf(b, "    after   %s\n", f.After)
	}
}

func printRepair(b *bytes.Buffer, r *diff.Result) error {
	m := r.Repair
	if m == nil {
		return nil
	}
	fmt.Fprintf(b, "repair, confidence %.2f: %s, %d rejected\n", m.Confidence, count(int(m.Events), "event"), m.Rejected)
	for _, change := range m.Changes {
		fmt.Fprintf(b, "  %s\n", change)
	}
	if r.Mended == nil {
		return nil
	}
	before, err := specLines(r.Spec)
	if err != nil {
		return err
	}
	after, err := specLines(r.Mended)
	if err != nil {
		return err
	}
	for _, line := range lineDiff(before, after) {
		fmt.Fprintf(b, "  %s\n", line)
	}
	return nil
}

// specLines are the lines of a Parser's spec as a manifest has them, without the
// examples.
func specLines(spec *v1alpha1.ParserSpec) ([]string, error) {
	plain := spec.DeepCopy()
	plain.Examples = nil
	text, err := yaml.Marshal(map[string]any{"spec": plain})
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n"), nil
}

const (
	diffContext = 2    // lines around a change
	mostLines   = 2000 // of a spec that is compared line by line
)

// lineDiff is the difference of two texts: lines with -, + and some around them.
func lineDiff(a, b []string) []string {
	a, b = a[:min(len(a), mostLines)], b[:min(len(b), mostLines)]
	common := make([][]int, len(a)+1) // lengths of the longest common subsequences of the ends
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var all []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			all = append(all, "- "+a[i])
			i++
		default:
			all = append(all, "+ "+b[j])
			j++
		}
	}
	return around(all)
}

// around leaves out what is far from any change.
func around(all []string) (out []string) {
	last := -1
	for i, line := range all {
		near := slices.ContainsFunc(all[max(0, i-diffContext):min(len(all), i+diffContext+1)], func(l string) bool { return l[0] != ' ' })
		if !near {
			continue
		}
		if i > last+1 && i > 0 {
			out = append(out, "  ...")
		}
		out, last = append(out, line), i
	}
	return out
}
