package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/weir/check"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/manifest"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func newHeldRepair(w *world) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "repair SOURCE",
		Short: "Apply the proposed change of the Parser, which then reads what is held",
		Long: `Apply the proposed change of the Parser (see explain). What is held is then read
with it.

In a cluster the operator changes the Parser. With weir run the Parser is a manifest:
-f names it, or its folder, and it is rewritten; comments stay, the layout may change.
Without -f the change is printed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := w.inCluster()
			if err != nil {
				return err
			}
			if in && file != "" {
				return errors.New("-f is for manifests of weir run; in a cluster the operator changes the Parser")
			}
			if in {
				return w.decideOn(cmd, args[0], v1alpha1.DecisionRepair)
			}
			return w.withFeed(cmd, args[0], func(ctx context.Context, c *bus.Conn, feed bus.Feed) error {
				s, err := monitorStatus(ctx, c, feed)
				if err != nil {
					return err
				}
				if s.Incident == nil || s.Incident.Repair == nil {
					return fmt.Errorf("%s: no repair is proposed", feed)
				}
				return repairManifest(ctx, cmd.OutOrStdout(), feed, s.Incident.Repair, file)
			})
		},
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "manifest of the Parser, or its folder, to be rewritten")
	return cmd
}

// repairManifest changes the manifest of a Parser, or prints the change.
func repairManifest(ctx context.Context, out io.Writer, feed bus.Feed, r *status.Repair, path string) error {
	if path == "" {
		fmt.Fprintf(out, "# Change the Parser %s/%s like this, or name its manifest with -f:\n%s", feed.Namespace, r.Parser, patchYAML(r.Patch))
		return nil
	}
	res, err := check.Load(ctx, path)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(res.Objects.Parsers, func(p v1alpha1.Parser) bool { return p.Name == r.Parser && p.Namespace == feed.Namespace })
	if i < 0 {
		return fmt.Errorf("%s has no Parser %s/%s", path, feed.Namespace, r.Parser)
	}
	p := &res.Objects.Parsers[i]
	if spec := res.ParserSpec(p); spec == nil || plan.SpecDigest(spec) != r.Spec {
		return fmt.Errorf("the Parser %s in %s is not the one that the change was made for; is weir run on another folder, or is it still looking?", p.Name, path)
	}
	patch, alone, err := plan.OwnPatch(plan.NewWorld(res.Objects), p, r.Patch)
	if err != nil {
		return err
	}
	docs, errs := manifest.Read(path)
	if len(errs) > 0 {
		return errs[0]
	}
	for _, d := range docs {
		if d.Kind == "Parser" && d.Name == p.Name && d.Namespace == p.Namespace {
			if err := rewrite(ctx, path, &d, patch, len(res.Problems)); err != nil {
				return fmt.Errorf("%s: %w", d.File, err)
			}
			fmt.Fprintf(out, "%s: the Parser %s is changed: %s\n", d.File, p.Name, strings.Join(r.Changes, " "))
			if alone {
				fmt.Fprintf(out, "It no longer builds on the Parser %s: if all that do so have changed, change that one instead.\n", p.Spec.Base.Name)
			}
			return nil
		}
	}
	return fmt.Errorf("%s has no Parser %s/%s", path, feed.Namespace, r.Parser)
}

// rewrite merges a patch into the spec of one document. The other documents of its
// file stay as they are, byte for byte. Where that makes more problems than there
// were in path, the file stays as it was.
func rewrite(ctx context.Context, path string, d *manifest.Document, patch string, problems int) error {
	if ext := filepath.Ext(d.File); ext != ".yaml" && ext != ".yml" {
		return errors.New("only YAML is rewritten; without -f the change is printed")
	}
	text, err := os.ReadFile(d.File)
	if err != nil {
		return err
	}
	before, doc, after := cutDocument(text, d.Line)
	if doc, err = mergeInto(doc, patch); err != nil {
		return err
	}
	if err := replaceFile(d.File, slices.Concat(before, doc, after)); err != nil {
		return err
	}
	res, err := check.Load(ctx, path)
	if err == nil && len(res.Problems) > problems {
		err = fmt.Errorf("with the change it is not valid: %s", res.Problems[0])
	}
	if err != nil {
		return errors.Join(err, replaceFile(d.File, text))
	}
	return nil
}

// replaceFile puts another content in place of a file, at once.
func replaceFile(path string, content []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".weir-repair-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// cutDocument finds the document of a file that has a line, counted from 1.
func cutDocument(text []byte, line int) (before, doc, after []byte) {
	start, n := 0, 0
	for at := 0; at < len(text); {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		n++
		if string(bytes.TrimRight(text[at:end], " \t\r\n")) == "---" {
			if n > line {
				return text[:start], text[start:at], text[at:]
			}
			start = end
		}
		at = end
	}
	return text[:start], text[start:], nil
}

// mergeInto is RFC 7386 on the spec of a YAML document.
func mergeInto(doc []byte, patch string) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil {
		return nil, err
	}
	var change map[string]any
	if err := json.Unmarshal([]byte(patch), &change); err != nil {
		return nil, fmt.Errorf("the patch: %w", err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the document is no object")
	}
	if err := mergeNode(root.Content[0], map[string]any{"spec": change}); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(&root), enc.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func mergeNode(node *yaml.Node, patch map[string]any) error {
	for _, key := range sortedKeys(patch) {
		at := -1
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				at = i
			}
		}
		value := patch[key]
		below, isMap := value.(map[string]any)
		switch {
		case value == nil && at >= 0:
			node.Content = slices.Delete(node.Content, at, at+2)
			continue
		case value == nil:
			continue
		case isMap && at >= 0 && node.Content[at+1].Kind == yaml.MappingNode:
			if err := mergeNode(node.Content[at+1], below); err != nil {
				return err
			}
			continue
		case isMap:
			value = withoutNulls(below)
		}
		var made yaml.Node
		if err := made.Encode(value); err != nil {
			return err
		}
		if at >= 0 {
			made.HeadComment, made.LineComment, made.FootComment = node.Content[at+1].HeadComment, node.Content[at+1].LineComment, node.Content[at+1].FootComment
			node.Content[at+1] = &made
			continue
		}
		node.Style &^= yaml.FlowStyle // what was {} may be long now
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &made)
	}
	return nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// withoutNulls is what a patch makes of nothing.
func withoutNulls(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if below, ok := v.(map[string]any); ok {
			v = withoutNulls(below)
		}
		if v != nil {
			out[k] = v
		}
	}
	return out
}
