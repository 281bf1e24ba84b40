package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/cmd/weir/check"
	"github.com/weir-project/weir/pipeline/collect"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/manifest"
)

type inferOptions struct {
	provider, channel, like, output string
	explain                         bool
	allow                           []string
}

func newInfer() *cobra.Command {
	var o inferOptions
	cmd := &cobra.Command{
		Use:   "infer URL|FILE|-",
		Short: "Draft a FeedSource and a Parser from a sample of a feed",
		Long: `Look at a feed (a URL, a file, or - for standard input) and draft its manifest: the
format, which column or path is which field of the event, and examples with what
the draft makes of them.

What the draft is not sure of is a question: a comment in the manifest, and a
line on standard error. --explain prints every choice with its confidence and
reason.

Of a feed the first 8 MiB are looked at. A URL is fetched once, as a collector
would: public addresses only, unless --allow-net names others.

Exits 0 when there is a draft, 1 when nothing could be drafted.`,
		Example: `  weir infer https://feeds.example.org/c2.csv -o c2.yaml
  weir infer sample.json --provider example --channel c2 --explain
  weir infer new.csv --like config/catalog/abuse-ch/threatfox.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return draft(cmd, &o, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.provider, "provider", "", "who publishes the feed (default: by the URL)")
	f.StringVar(&o.channel, "channel", "", "short name of the feed (default: by the URL or file)")
	f.StringVar(&o.like, "like", "", "file with Parsers of similar feeds: rules are taken over where columns agree")
	f.StringVarP(&o.output, "output", "o", "", "file to write the manifest to, with an Exchange if its folder has none (default: standard output)")
	f.BoolVar(&o.explain, "explain", false, "print every choice with its confidence and reason to standard error")
	f.StringSliceVar(&o.allow, "allow-net", nil, "networks that the URL may lead to although they are not public")
	return cmd
}

func draft(cmd *cobra.Command, o *inferOptions, from string) error {
	opts := infer.Options{Provider: o.provider, Channel: o.channel}
	if err := loadLike(cmd.Context(), o.like, &opts); err != nil {
		return err
	}
	s, err := readSample(cmd, o, from, &opts)
	if err != nil {
		return err
	}
	exchanges := exchangesBeside(o.output)
	if len(exchanges) > 0 {
		opts.Exchange = exchanges[0]
	}
	d, err := infer.Infer(*s, opts)
	if err != nil {
		return err
	}
	yaml := d.YAML()
	switch {
	case o.output == "":
		_, err = cmd.OutOrStdout().Write(yaml)
		if d.Source != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "the FeedSource is for the Exchange %s; with -o one is added where there is none\n", d.Source.Spec.ExchangeRef.Name)
		}
	case d.Source != nil && len(exchanges) == 0:
		yaml = append(yaml, newExchange...)
		fallthrough
	default:
		err = os.WriteFile(o.output, yaml, 0o644) //nolint:gosec // a manifest is for everybody
	}
	if err != nil {
		return err
	}
	explain(cmd.ErrOrStderr(), d, o.explain)
	return nil
}

// newExchange is written where a FeedSource would have none. It never goes to
// standard output: what is piped to kubectl must not reset an Exchange that is
// there.
const newExchange = `---
# No file of this folder has an Exchange; a FeedSource needs one.
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata:
  name: main
spec: {}
`

// exchangesBeside are the names of the Exchanges in the folder of a file, not
// those in the file itself: it is overwritten.
func exchangesBeside(output string) []string {
	if output == "" {
		return nil
	}
	var names []string
	docs, _ := manifest.Read(filepath.Dir(output)) // what cannot be read is for weir check to tell
	for i := range docs {
		if docs[i].Kind == "Exchange" && filepath.Clean(docs[i].File) != filepath.Clean(output) {
			names = append(names, docs[i].Name)
		}
	}
	return names
}

func explain(w io.Writer, d *infer.Draft, all bool) {
	fmt.Fprintf(w, "%s: %s, %d rejected, %d skipped\n", count(int(d.Records), "record"), count(int(d.Events), "event"), d.Rejected, d.Skipped)
	if all {
		for _, c := range d.Choices {
			mark := " "
			if c.Question() {
				mark = "?"
			}
			fmt.Fprintln(w, mark, c)
		}
	}
	questions := d.Questions()
	if len(questions) == 0 || all {
		return
	}
	fmt.Fprintf(w, "%s:\n", count(len(questions), "question"))
	for i, q := range questions {
		if i == 8 {
			fmt.Fprintf(w, "  and %d more: --explain prints all\n", len(questions)-i)
			break
		}
		fmt.Fprintln(w, " ", q)
	}
}

// loadLike reads the manifests that the draft is to follow.
func loadLike(ctx context.Context, file string, opts *infer.Options) error {
	if file == "" {
		return nil
	}
	res, err := check.Load(ctx, file)
	if err != nil {
		return err
	}
	opts.Like = res.Objects.Parsers
	if len(opts.Like) == 0 {
		return fmt.Errorf("--like %s: has no Parser", file)
	}
	if len(res.Objects.FeedSources) > 0 {
		opts.LikeSource = &res.Objects.FeedSources[0]
	}
	return nil
}

// readSample gets the sample, and unpacks it. Of an archive it takes the largest
// member.
func readSample(cmd *cobra.Command, o *inferOptions, from string, opts *infer.Options) (*infer.Sample, error) {
	samples, err := samplesOf(cmd, o, from)
	if err != nil {
		return nil, err
	}
	if len(samples) == 0 {
		return nil, infer.ErrEmpty
	}
	best := 0
	for i := range samples {
		if len(samples[i].Data) > len(samples[best].Data) {
			best = i
		}
	}
	s := &samples[best]
	if len(samples) > 1 {
		opts.Members = []string{memberGlob(s.Filename)}
		fmt.Fprintf(cmd.ErrOrStderr(), "the archive has %d files: the draft is of the largest, %s\n", len(samples), s.Filename)
	}
	out := &infer.Sample{Data: s.Data, Truncated: s.Truncated, URL: s.URL, Filename: s.Filename, ContentType: s.ContentType}
	if isURL(from) {
		out.URL = from // as it is to be fetched
	}
	return out, nil
}

func memberGlob(name string) string {
	if ext := path.Ext(name); ext != "" {
		return "*" + ext
	}
	return path.Base(name)
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")
}

func samplesOf(cmd *cobra.Command, o *inferOptions, from string) ([]collect.Sample, error) {
	ctx := cmd.Context()
	if isURL(from) {
		var allow []netip.Prefix
		for _, a := range o.allow {
			p, err := netip.ParsePrefix(a)
			if err != nil {
				return nil, fmt.Errorf("--allow-net %s: is no network such as 10.1.0.0/16", a)
			}
			allow = append(allow, p)
		}
		return collect.SampleURL(ctx, from, allow, infer.MaxSample)
	}
	if strings.Contains(from, "://") {
		return nil, errors.New("a sample is fetched over http or https; get this one yourself and give its file")
	}
	if from == "-" {
		return collect.SampleBytes(ctx, "", cmd.InOrStdin(), infer.MaxSample)
	}
	f, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return collect.SampleBytes(ctx, filepath.Base(from), f, infer.MaxSample)
}
