package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/weir-project/weir/config/catalog"
)

func newCatalog() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "List, show and add ready-made feeds",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newCatalogLs(), newCatalogShow(), newCatalogAdd())
	return cmd
}

func newCatalogLs() *cobra.Command {
	var category, output string
	cmd := &cobra.Command{
		Use:     "ls [PROVIDER]",
		Short:   "List the feeds of the catalogue",
		Example: "  weir catalog ls --category cnc",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "table" && output != "json" {
				return errOutput
			}
			feeds, err := catalog.Load()
			if err != nil {
				return err
			}
			feeds = slices.DeleteFunc(feeds, func(f catalog.Feed) bool {
				return len(args) == 1 && f.Provider() != args[0] || category != "" && !slices.Contains(f.Categories(), category)
			})
			if len(feeds) == 0 {
				return errors.New("the catalogue has no such feed; weir catalog ls lists all")
			}
			return printFeeds(cmd.OutOrStdout(), feeds, output)
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "only feeds that can give events of this category")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, or json: one feed a line")
	return cmd
}

// feedLine is a feed as weir catalog ls -o json prints it.
type feedLine struct {
	Name       string   `json:"name"`
	Provider   string   `json:"provider"`
	Title      string   `json:"title"`
	Categories []string `json:"categories"`
	Confidence []string `json:"confidence"`
	Format     string   `json:"format"`
	TLP        string   `json:"tlp"`
	Schedule   string   `json:"schedule"`
	Auth       string   `json:"auth"`
	Transport  string   `json:"transport,omitempty"`
	About      string   `json:"about"`
	Terms      string   `json:"terms"`
}

func printFeeds(out io.Writer, feeds []catalog.Feed, output string) error {
	if output == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		for i := range feeds {
			f := &feeds[i]
			if err := enc.Encode(feedLine{
				Name: f.Name, Provider: f.Provider(), Title: f.Title, Categories: f.Categories(), Confidence: f.Confidences(),
				Format: f.Format(), TLP: string(f.Source.Spec.Policy.TLP), Schedule: f.Schedule(), Auth: f.Auth, Transport: f.Transport, About: f.About, Terms: f.Terms,
			}); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tFORMAT\tEVERY\tNEEDS\tCATEGORY\tWHAT IT IS")
	for i := range feeds {
		f := &feeds[i]
		needs := "-"
		switch {
		case f.Transport != "":
			needs = "files"
		case len(f.SecretRefs()) > 0:
			needs = "key"
		}
		categories := f.Categories()
		if len(categories) > 2 {
			categories = append(slices.Clone(categories[:2]), "...")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, f.Format(), f.Schedule(), needs, strings.Join(categories, ","), f.Title)
	}
	return w.Flush()
}

func newCatalogShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Print the manifests of a feed, with what one must know of it",
		Example: "  weir catalog show abuse-ch-urlhaus-recent",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			feeds, err := chooseFeeds(args)
			if err != nil {
				return err
			}
			parsers := map[string]bool{}
			for i := range feeds {
				f := &feeds[i]
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout(), "---")
				}
				fmt.Fprint(cmd.OutOrStdout(), f.Text, f.SourceYAML)
				if !parsers[f.Parser.Name] {
					fmt.Fprint(cmd.OutOrStdout(), "---\n", f.ParserYAML)
				}
				parsers[f.Parser.Name] = true
				for _, b := range f.Bases {
					if !parsers[b.Name] {
						fmt.Fprint(cmd.OutOrStdout(), "---\n", b.YAML)
					}
					parsers[b.Name] = true
				}
			}
			return nil
		},
	}
}

func newCatalogAdd() *cobra.Command {
	var to, exchange, namespace string
	var force bool
	cmd := &cobra.Command{
		Use:   "add NAME... --to DIR",
		Short: "Write the manifests of feeds into a folder",
		Long: `Write the manifests of feeds into a folder: <feed>.yaml, and for the Parser
<parser>.parser.yaml, which several feeds may share, and those it builds on. NAME is a feed, or a
provider for all of its feeds. Read the terms at the head of each file.

A file that is there already and differs is left alone, and nothing is written,
unless --force is given.`,
		Example: "  weir catalog add abuse-ch-urlhaus-recent spamhaus --to feeds/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if errs := validation.IsDNS1123Subdomain(exchange); len(errs) > 0 {
				return fmt.Errorf("--exchange %q: %s", exchange, errs[0])
			}
			if errs := validation.IsDNS1123Label(namespace); namespace != "" && len(errs) > 0 {
				return fmt.Errorf("--namespace %q: %s", namespace, errs[0])
			}
			feeds, err := chooseFeeds(args)
			if err != nil {
				return err
			}
			files := map[string][]byte{}
			for i := range feeds {
				f := &feeds[i]
				source := f.Text + inPlace(f.SourceYAML, exchange, namespace)
				files[f.Name+".yaml"] = []byte(source)
				files[f.Parser.Name+".parser.yaml"] = []byte(inPlace(f.ParserYAML, "", namespace))
				for _, b := range f.Bases {
					files[b.Name+".parser.yaml"] = []byte(inPlace(b.YAML, "", namespace))
				}
			}
			if err := writeFeeds(cmd.OutOrStdout(), to, files, force); err != nil {
				return err
			}
			tellSecrets(cmd.OutOrStdout(), feeds)
			return nil
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "folder to write to; it is made if there is none")
	cmd.Flags().StringVar(&exchange, "exchange", "main", "name of the Exchange that gets the events")
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace to write into the manifests (none if empty)")
	cmd.Flags().BoolVar(&force, "force", false, "replace files that differ")
	if err := cmd.MarkFlagRequired("to"); err != nil {
		panic(err) // the flag was defined above
	}
	return cmd
}

// chooseFeeds finds feeds by name or by provider, each once.
func chooseFeeds(names []string) ([]catalog.Feed, error) {
	feeds, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	var out []catalog.Feed
	for _, name := range names {
		found := false
		for i := range feeds {
			f := &feeds[i]
			if f.Name != name && f.Provider() != name {
				continue
			}
			found = true
			if !slices.ContainsFunc(out, func(o catalog.Feed) bool { return o.Name == f.Name }) {
				out = append(out, *f)
			}
		}
		if !found {
			return nil, fmt.Errorf("the catalogue has no feed or provider %q; weir catalog ls lists them", name)
		}
	}
	return out, nil
}

// inPlace names another Exchange and a namespace in a manifest of the catalogue,
// and leaves the rest, comments too, as it is.
func inPlace(manifest, exchange, namespace string) string {
	if exchange != "" {
		manifest = strings.Replace(manifest, "exchangeRef: {name: main}", "exchangeRef: {name: "+exchange+"}", 1)
	}
	if namespace != "" {
		manifest = strings.Replace(manifest, "metadata:\n", "metadata:\n  namespace: "+namespace+"\n", 1)
	}
	return manifest
}

// writeFeeds writes all of the files or, where one would replace something else,
// none.
func writeFeeds(out io.Writer, dir string, files map[string][]byte, force bool) error {
	names := make([]string, 0, len(files))
	for name, data := range files {
		have, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case err == nil && bytes.Equal(have, data):
			continue
		case err == nil && !force:
			return fmt.Errorf("%s is there already and differs; --force replaces it", filepath.Join(dir, name))
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		names = append(names, name)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // manifests are no secrets
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, files[name], 0o644); err != nil { //nolint:gosec // manifests are no secrets
			return err
		}
		fmt.Fprintln(out, path)
	}
	if len(names) == 0 {
		fmt.Fprintln(out, "all of it was there already")
	}
	return nil
}

// tellSecrets names the Secrets that the feeds need and what goes into them, and
// the files that something else has to bring.
func tellSecrets(out io.Writer, feeds []catalog.Feed) {
	told := map[string]bool{}
	for i := range feeds {
		f := &feeds[i]
		for _, r := range f.SecretRefs() {
			if id := r.Ref.Name + "/" + r.Ref.Key; !told[id] {
				told[id] = true
				fmt.Fprintf(out, "needs: Secret %s with the key %s (%s)\n", r.Ref.Name, r.Ref.Key, f.Auth)
			}
		}
		if f.Source.Spec.File != nil {
			fmt.Fprintf(out, "needs: files %s (%s)\n", f.Source.Spec.File.Path, f.Transport)
		}
	}
}
