package schema

import (
	"encoding/base64"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
)

// Func is what a document says is to be done with a value.
type Func uint8

// The functions.
const (
	None Func = iota
	addUTC
	toBool
	toNone
	toInt
	toFloat
	httpURL
	noZero
	onlyIP
	onlyNetwork
	onlyFQDN
	date
	dateUTC
	toBase64
	exchangeTaxonomy
	exchangeType
	exchangeIdentifier
	categoryOrDetail
	cveOfTag
)

var functions = map[string]Func{
	"add_UTC_to_timestamp": addUTC, "convert_bool": toBool, "validate_to_none": toNone, "convert_int": toInt,
	"convert_float": toFloat, "convert_http_host_and_url": httpURL, "invalidate_zero": noZero, "validate_ip": onlyIP,
	"validate_network": onlyNetwork, "validate_fqdn": onlyFQDN, "convert_date": date, "convert_date_utc": dateUTC,
	"force_base64": toBase64, "scan_exchange_taxonomy": exchangeTaxonomy, "scan_exchange_type": exchangeType,
	"scan_exchange_identifier": exchangeIdentifier, "category_or_detail": categoryOrDetail, "extract_cve_from_tag": cveOfTag,
}

// Functions are the names of all functions, sorted.
func Functions() []string { return slices.Sorted(maps.Keys(functions)) }

// form is what a function has made of a value.
type form uint8

const (
	isText  form = iota
	isJSON       // a number or a boolean
	isNone       // the value means nothing
	isWrong      // the value does not fit the function
)

// cells is a row as a function sees it.
type cells interface {
	// cell is the value of a column, false if the report does not have it.
	cell(name string) (string, bool)
}

// apply runs the function on a value that is not empty.
func (f Func) apply(s string, row cells) (string, form) {
	switch f {
	case toNone:
		if s == "0" || strings.EqualFold(s, "unknown") {
			return s, isNone
		}
	case toInt, noZero:
		return integer(s, f == noZero)
	case toFloat:
		return float(s)
	case toBool:
		return boolean(s)
	case onlyIP:
		return address(s)
	case onlyNetwork:
		return network(s)
	case date, dateUTC:
		if _, ok := event.ParseTime(s); !ok {
			return s, isWrong
		}
	case toBase64:
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return base64.StdEncoding.EncodeToString([]byte(s)), isText
		}
	default:
		return f.rare(s, row)
	}
	return s, isText
}

func address(s string) (string, form) {
	if _, reason := event.ParseAddr(s); reason != "" || s == "0.0.0.0" || strings.IndexByte(s, '/') >= 0 {
		return s, isNone
	}
	return s, isText
}

func network(s string) (string, form) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return s, isNone
	}
	return p.Masked().String(), isText
}

func (f Func) rare(s string, row cells) (string, form) {
	const webshell = "exchange;webshell"
	choose := func(yes, no string) (string, form) {
		if s == webshell {
			return yes, isText
		}
		return no, isText
	}
	switch f {
	case httpURL:
		return joinURL(s, row), isText
	case onlyFQDN:
		return fqdn(s)
	case exchangeTaxonomy:
		return choose("intrusions", "vulnerable")
	case exchangeType:
		return choose("system-compromise", "vulnerable-system")
	case exchangeIdentifier:
		return choose("exchange-server-webshell", "vulnerable-exchange-server")
	case categoryOrDetail:
		if detail, ok := row.cell("detail"); ok && detail != "" && strings.EqualFold(s, "unknown") {
			return detail, isText
		}
	case cveOfTag:
		if cve := cvePattern.FindString(s); cve != "" {
			return strings.ToLower(cve), isText
		}
		return s, isNone
	}
	return s, isText
}

var cvePattern = regexp.MustCompile(`(?i)\bcve-\d{4}-\d{4,}`)

// integer is a JSON number if the digits are one as they stand.
func integer(s string, zeroIsNone bool) (string, form) {
	t := strings.TrimSpace(s)
	digits := strings.TrimPrefix(t, "-")
	if digits == "" || len(digits) > 18 {
		return s, isWrong
	}
	for i := range len(digits) {
		if digits[i]-'0' > 9 {
			return s, isWrong
		}
	}
	if digits[0] == '0' {
		n, err := strconv.ParseInt(t, 10, 64)
		if err != nil {
			return s, isWrong
		}
		if t = strconv.FormatInt(n, 10); zeroIsNone && n == 0 {
			return t, isNone
		}
	}
	return t, isJSON
}

func float(s string) (string, form) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return s, isWrong
	}
	return strconv.FormatFloat(v, 'g', -1, 64), isJSON
}

func boolean(s string) (string, form) {
	for i, words := range [...][]string{{"y", "yes", "true", "enabled", "1"}, {"n", "no", "false", "disabled", "0"}} {
		for _, w := range words {
			if strings.EqualFold(s, w) {
				return [...]string{"true", "false"}[i], isJSON
			}
		}
	}
	return s, isNone
}

var fqdnField = field("fqdn")

func fqdn(s string) (string, form) {
	var e event.Event
	if fqdnField.Set(&e, s) != nil || e.FQDN == "" {
		return s, isNone
	}
	return e.FQDN, isText
}

// joinURL makes a URL of the columns that hold its parts: the host in cc_dns or
// http_host, the path, or the line of the request that it is in, in url or
// http_url. A value that is a URL stays as it is.
func joinURL(s string, row cells) string {
	if strings.Contains(s, "://") {
		return s
	}
	host, path := either(row, "cc_dns", "http_host"), either(row, "url", "http_url")
	if host == "" || path == "" {
		return s
	}
	if strings.Contains(path, "://") {
		return path
	}
	scheme, _ := row.cell("application")
	if scheme != "https" {
		scheme = "http"
	}
	if i := strings.IndexByte(path, '/'); i >= 0 {
		path = path[i:]
	} else {
		path = ""
	}
	if i := strings.IndexAny(path, " \t"); i >= 0 {
		path = path[:i]
	}
	return scheme + "://" + host + path
}

// either is the cell of the first column that the report has.
func either(row cells, names ...string) string {
	for _, name := range names {
		if s, ok := row.cell(name); ok {
			return s
		}
	}
	return ""
}
