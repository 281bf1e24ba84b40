package drift

import "testing"

func BenchmarkLists(b *testing.B) {
	for name, value := range map[string]string{"word": "emotet", "list": "elf,exe,phishing,loader", "array": `["elf","exe","phishing"]`,
		"prose": "the sample was dropped by a loader and contacts its server on high ports after login attempts from several hosts"} {
		b.Run(name, func(b *testing.B) {
			var c Column
			for b.Loop() {
				c.list(value)
			}
		})
	}
}
