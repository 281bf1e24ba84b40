package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/weir/check"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

type tryOptions struct {
	file, parser, output, schema string
	meta                         map[string]string
}

func newTry() *cobra.Command {
	var o tryOptions
	cmd := &cobra.Command{
		Use:   "try -f PARSER.yaml PAYLOAD",
		Short: "Show which events a payload becomes",
		Long: `Parse a payload (a file, or - for standard input) and print the events, and the
records that were rejected with the reason.

With -o json, events are canonical JSON lines on standard output and rejected
records JSON lines {"reason","field","record"} on standard error.

Exits 0 when every record became events or was skipped by rule, 1 when some were
rejected, 2 when the payload could not be read, or not to its end, and when the
command or the Parser is wrong.`,
		Example: `  weir try -f parser.yaml sample.csv
  weir try -f parser.yaml 2026-01-31-scan_dns-example.csv --schema schema.json
  curl -s https://feed.example/list.csv | weir try -f parser.yaml - -o json --meta url=https://feed.example/list.csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &exitError{2, fmt.Errorf("try takes one payload, a file or - for standard input; got %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			rejected, err := try(cmd, &o, args[0])
			if err != nil {
				return &exitError{2, err}
			}
			if rejected {
				return &exitError{code: 1}
			}
			return nil
		},
	}
	// 1 means that the payload was read: a command that is wrong must not end so.
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{2, err} })
	cmd.Flags().StringVarP(&o.file, "filename", "f", "", "file with the Parser, and possibly its FeedSource (required)")
	cmd.Flags().StringVar(&o.parser, "parser", "", "name of the Parser, if the file has several")
	cmd.Flags().StringVarP(&o.output, "output", "o", "table", "table or json")
	schemaFlag(cmd, &o.schema)
	cmd.Flags().StringToStringVar(&o.meta, "meta", nil, "what a collector would know: url=...,filename=...,contentType=...,collected=<RFC 3339>")
	return cmd
}

func try(cmd *cobra.Command, o *tryOptions, payload string) (rejected bool, err error) {
	if o.file == "" {
		return false, errors.New("-f must name the file with the Parser")
	}
	if o.output != "table" && o.output != "json" {
		return false, errOutput
	}
	res, err := check.Load(cmd.Context(), o.file)
	if err != nil {
		return false, err
	}
	spec, err := pickParser(res, o, cmd.ErrOrStderr())
	if err != nil {
		return false, err
	}
	parser, err := tryParser(res.ParserSpec(spec), o.schema, cmd.ErrOrStderr())
	if err != nil {
		return false, err
	}
	meta, err := tryMeta(res, spec, o.meta, payload)
	if err != nil {
		return false, err
	}
	in := cmd.InOrStdin()
	if payload != "-" {
		f, err := os.Open(payload)
		if err != nil {
			return false, err
		}
		defer f.Close()
		in = f
	}
	out := newTryOutput(o.output, cmd.OutOrStdout(), cmd.ErrOrStderr())
	stats, err := parser.Parse(cmd.Context(), in, meta, out, nil)
	if ferr := out.finish(stats); err == nil {
		err = ferr
	}
	return stats.Rejected > 0, err
}

// tryParser compiles a Parser, with its schema document if it needs one.
func tryParser(spec *v1alpha1.ParserSpec, path string, warnings io.Writer) (*parse.Parser, error) {
	doc, err := readSchema(path, warnings)
	if err == nil {
		err = schemaFits(spec, doc, path)
	}
	if err != nil {
		return nil, err
	}
	return parse.CompileWith(spec, doc)
}

// pickParser finds the Parser of a file. Problems of other objects do not
// matter here: somebody who writes a Parser need not have the rest yet.
func pickParser(res *check.Result, o *tryOptions, stderr io.Writer) (*v1alpha1.Parser, error) {
	broken := 0
	for _, p := range res.Problems {
		if p.Object == "" || strings.HasPrefix(p.Object, "Parser ") {
			fmt.Fprintln(stderr, p)
			broken++
		}
	}
	if broken > 0 {
		return nil, fmt.Errorf("%s has problems", o.file)
	}
	var names []string
	var found *v1alpha1.Parser
	for i := range res.Objects.Parsers {
		p := &res.Objects.Parsers[i]
		names = append(names, p.Name)
		if o.parser == "" || o.parser == p.Name {
			found = p
		}
	}
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("%s has no Parser", o.file)
	case found == nil:
		return nil, fmt.Errorf("%s has no Parser %q; it has %s", o.file, o.parser, strings.Join(names, ", "))
	case o.parser == "" && len(names) > 1:
		return nil, fmt.Errorf("%s has several Parsers; choose one with --parser: %s", o.file, strings.Join(names, ", "))
	}
	return found, nil
}

// tryMeta fills in what a collector would know. A FeedSource in the same file
// that uses the Parser gives source and policy.
func tryMeta(res *check.Result, p *v1alpha1.Parser, given map[string]string, payload string) (parse.Meta, error) {
	meta := parse.Meta{
		Source: "example.try", Collected: time.Now().UTC(),
		TLP: event.TLPAmber, Restriction: event.RestrictionNeedToKnow,
	}
	if payload != "-" {
		meta.Filename = filepath.Base(payload)
	}
	for i := range res.Objects.FeedSources {
		f := &res.Objects.FeedSources[i]
		if f.Namespace == p.Namespace && f.Spec.ParserRef.Name == p.Name {
			meta.Source = f.Spec.Provider + "." + f.Spec.Channel
			meta.TLP, _ = event.ParseTLP(string(f.Spec.Policy.TLP))
			meta.Restriction, _ = event.ParseRestriction(string(f.Spec.Policy.Restriction))
			if f.Spec.HTTP != nil {
				meta.URL = f.Spec.HTTP.URL
			}
			break
		}
	}
	if err := meta.Set(given); err != nil {
		return meta, fmt.Errorf("--meta %w", err)
	}
	return meta, nil
}

// tryOutput prints what comes out of a payload.
type tryOutput struct {
	table  *tabwriter.Writer // nil for JSON
	out    *bufio.Writer
	stderr *bufio.Writer
	line   []byte
}

func newTryOutput(format string, out, stderr io.Writer) *tryOutput {
	t := &tryOutput{out: bufio.NewWriter(out), stderr: bufio.NewWriter(stderr)}
	if format == "table" {
		t.table = tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t.table, "TIME\tCATEGORY\tNAME\tADDRESS\tFQDN\tURL")
	}
	return t
}

func (t *tryOutput) Event(e *event.Event) error {
	if t.table == nil {
		t.line = append(event.AppendJSON(t.line[:0], e), '\n')
		_, err := t.out.Write(t.line)
		return err
	}
	var ips []string
	for _, a := range e.Address {
		ips = append(ips, a.IP.String())
	}
	_, err := fmt.Fprintf(t.table, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Time.Format(time.RFC3339), e.Category, e.Name,
		strings.Join(ips, " "), e.FQDN, e.URL)
	return err
}

// rejection is the form of a rejected record that other tools read.
type rejection struct {
	Reason string `json:"reason"`
	Field  string `json:"field"`
	Record string `json:"record"`
}

func (t *tryOutput) Reject(r *parse.Rejection) error {
	if t.table != nil {
		field := r.Field
		if field != "" {
			field += ": "
		}
		_, err := fmt.Fprintf(t.stderr, "rejected: %s%s: %.200q\n", field, r.Reason, r.Record)
		return err
	}
	enc := json.NewEncoder(t.stderr)
	enc.SetEscapeHTML(false)
	return enc.Encode(rejection{r.Reason, r.Field, strings.ToValidUTF8(string(r.Record), "\uFFFD")})
}

func (t *tryOutput) finish(s parse.Stats) error {
	if t.table != nil {
		if err := t.table.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(t.stderr, "%d records: %d events, %d rejected", s.Records, s.Events, s.Rejected)
		for _, reason := range slices.Sorted(maps.Keys(s.Skipped)) {
			fmt.Fprintf(t.stderr, ", %d skipped (%s)", s.Skipped[reason], reason)
		}
		fmt.Fprintln(t.stderr)
	}
	return errors.Join(t.out.Flush(), t.stderr.Flush())
}
