package parse

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// hostsFile is a table of addresses and names, with a row a name.
type hostsFile struct{}

// ownName is the reason under which names of the machine itself are counted.
const ownName = "localhost"

var hostsColumns = []string{"ip", "host"}

func compileHosts(*v1alpha1.HostsSpec) (format, error) { return hostsFile{}, nil }

func (hostsFile) options() mapping.Options {
	return mapping.Options{Columns: hostsColumns, ColumnsAt: "the columns of hosts"}
}

func (hostsFile) bind(*mapping.Program) error { return nil }

func (hostsFile) read(r *run) error {
	if err := r.start("a hosts file"); err != nil {
		return err
	}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if looksLikeJSON(start) {
		return &UnreadableError{"it looks like JSON, not a hosts file"}
	}
	if err := r.columns(hostsColumns); err != nil {
		return err
	}
	var cells [2]string
	for {
		line, err := r.nextLine([]byte("#"))
		if err != nil || line == nil {
			return err
		}
		if err := r.hosts(line, cells[:]); err != nil {
			return err
		}
	}
}

// hosts takes the names of one line.
func (r *run) hosts(line []byte, cells []string) error {
	text := line
	if i := bytes.IndexByte(text, '#'); i >= 0 {
		text = text[:i]
	}
	first, rest := field(text)
	if len(first) == 0 {
		return nil
	}
	ip, ok := hostsAddress(record.Text(first))
	name, rest := field(rest)
	switch {
	case len(name) == 0 && ok:
		return r.reject("no name follows the address; a list of addresses alone is spec.input.text", line)
	case len(name) == 0:
		return r.reject("there is a name without an address; a list of names alone is spec.input.text", line)
	case !ok:
		return r.reject(fmt.Sprintf("%.60q is no address; a line of a hosts file is an address, then names", first), line)
	}
	for len(name) > 0 {
		cells[0], cells[1] = ip, record.Text(name)
		if isOwnName(cells[1]) {
			r.pass(ownName)
		} else if err := r.row(cells, line); err != nil {
			return err
		}
		name, rest = field(rest)
	}
	return nil
}

// field is the first word of a text, and what follows it.
func field(text []byte) (word, rest []byte) {
	start := skipWhite(text, 0)
	end := start
	for end < len(text) && !white(text[end]) {
		end++
	}
	return text[start:end], text[end:]
}

// hostsAddress reads an address; 0 is short for 0.0.0.0, as in inet_aton.
func hostsAddress(text string) (string, bool) {
	if text == "0" {
		return "0.0.0.0", true
	}
	_, err := netip.ParseAddr(text)
	return text, err == nil
}

// isOwnName reports whether a name is one that systems give to themselves.
func isOwnName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > len("localhost6.localdomain6") {
		return false
	}
	switch name = strings.ToLower(name); name {
	case "localhost", "localhost.localdomain", "local", "broadcasthost", "localhost4", "localhost6",
		"localhost4.localdomain4", "localhost6.localdomain6", "localdomain", "0.0.0.0":
		return true
	}
	return strings.HasPrefix(name, "ip6-")
}
