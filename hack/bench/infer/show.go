package main

import (
	"fmt"

	"github.com/weir-project/weir/config/catalog"
	"github.com/weir-project/weir/pipeline/infer"
)

func show(feeds []catalog.Feed, name string) {
	for i := range feeds {
		if feeds[i].Parser.Name != name {
			continue
		}
		s, _ := sample(&feeds[i])
		d, err := infer.Infer(s, infer.Options{Provider: feeds[i].Source.Spec.Provider, Channel: feeds[i].Source.Spec.Channel})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(d.YAML()))
		for _, c := range d.Choices {
			fmt.Println(c)
		}
		return
	}
}
