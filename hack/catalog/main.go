// Command catalog writes docs/catalog.md from config/catalog. Run it in the root
// of the repository.
package main

import (
	"fmt"
	"os"

	"github.com/weir-project/weir/config/catalog"
)

const page = "docs/catalog.md"

func main() {
	feeds, err := catalog.Load()
	if err == nil {
		err = os.WriteFile(page, catalog.Page(feeds), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "catalog:", err)
		os.Exit(1)
	}
}
