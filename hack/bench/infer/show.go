package main

import (
	"fmt"
	"io"

	"github.com/weir-project/weir/config/catalog"
	"github.com/weir-project/weir/pipeline/infer"
)

// show prints the draft of one Parser, and every choice.
func show(w io.Writer, feeds []catalog.Feed, name string) error {
	for i := range feeds {
		f := &feeds[i]
		if f.Parser.Name != name {
			continue
		}
		s, ok := sample(f)
		if !ok {
			return fmt.Errorf("%s has no example that becomes events", name)
		}
		d, err := infer.Infer(s, infer.Options{Provider: f.Source.Spec.Provider, Channel: f.Source.Spec.Channel})
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n", d.YAML())
		for _, c := range d.Choices {
			fmt.Fprintln(w, c)
		}
		return nil
	}
	return fmt.Errorf("there is no Parser %s", name)
}
