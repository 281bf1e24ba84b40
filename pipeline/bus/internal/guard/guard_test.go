package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

var testLimits = Limits{Connect: 1 << 20, Message: 1 << 20}

// connectLine is what a client says first, with what it may subscribe to.
func connectLine(tb testing.TB, allow, deny []string) string {
	tb.Helper()
	user, err1 := nkeys.CreateUser()
	account, err2 := nkeys.CreateAccount()
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	public, _ := user.PublicKey()
	claims := jwt.NewUserClaims(public)
	claims.Sub.Allow, claims.Sub.Deny = allow, deny
	token, err := claims.Encode(account)
	if err != nil {
		tb.Fatal(err)
	}
	options, _ := json.Marshal(map[string]any{"jwt": token, "verbose": false, "pedantic": false, "name": "a  b"})
	return "CONNECT " + string(options) + "\r\n"
}

// relayed is what passes behind CONNECT.
func relayed(tb testing.TB, connect, commands string) (string, error) {
	tb.Helper()
	var out bytes.Buffer
	// One byte at a time, so that nothing depends on how it travels.
	err := Relay(io.MultiReader(strings.NewReader(connect+commands)), &out, testLimits)
	first, rest, _ := strings.Cut(out.String(), "\r\n")
	if first != "" && !strings.HasPrefix(first, `CONNECT {"echo":true,`) {
		tb.Errorf("first line %s", first)
	}
	return rest, err
}

func TestCommandsPassInOneForm(t *testing.T) {
	connect := connectLine(t, []string{"_INBOX.me.>"}, nil)
	for name, tt := range map[string]struct{ in, out string }{
		"ping":              {"PING\r\nPONG\r\n", "PING\r\nPONG\r\n"},
		"line ends":         {"PING\nPONG\r\n", "PING\r\nPONG\r\n"},
		"case and spaces":   {"  pub\ta  3\r\nabc\r\n", "PUB a 3\r\nabc\r\n"},
		"subscriptions":     {"SUB a.> 1\r\nSUB a q 2\r\nUNSUB 1 5\r\n", "SUB a.> 1\r\nSUB a q 2\r\nUNSUB 1 5\r\n"},
		"subject is a verb": {"PUB HPUB 0\r\n\r\n", "PUB HPUB 0\r\n\r\n"},
		"as the verb":       {"SUB" + " SUB 1\r\n", "SUB" + " SUB 1\r\n"},
		"own inbox":         {"PUB a _INBOX.me.x 1\r\nb\r\n", "PUB a _INBOX.me.x 1\r\nb\r\n"},
		"headers":           {"HPUB a _INBOX.me.x 12 13\r\nNATS/1.0\r\n\r\nb\r\n", "HPUB a _INBOX.me.x 12 13\r\nNATS/1.0\r\n\r\nb\r\n"},
		"commands in data":  {"PUB a 19\r\n\r\nPUB x raw.y 0\r\n\r\n\r\n", "PUB a 19\r\n\r\nPUB x raw.y 0\r\n\r\n\r\n"},
		"pull consumer": {
			"PUB $JS.API.CONSUMER.CREATE.S.c _INBOX.me.x 13\r\n{\"config\":{}}\r\n", "PUB $JS.API.CONSUMER.CREATE.S.c _INBOX.me.x 13\r\n{\"config\":{}}\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.out == "" {
				tt.out = tt.in
			}
			if got, err := relayed(t, connect, tt.in); err != nil || got != tt.out {
				t.Errorf("passed %q, %v; want %q", got, err, tt.out)
			}
		})
	}
}

func TestWhatIsNotAllowedEndsTheConnection(t *testing.T) {
	connect := connectLine(t, []string{"_INBOX.me.>", "query.*.x"}, []string{"_INBOX.me.secret.>"})
	consumer := func(verb, subject, config string) string {
		if verb == "HPUB" {
			return fmt.Sprintf("HPUB %s 12 %d\r\nNATS/1.0\r\n\r\n%s\r\n", subject, 12+len(config), config)
		}
		return fmt.Sprintf("PUB %s %d\r\n%s\r\n", subject, len(config), config)
	}
	const create = "$JS.API.CONSUMER.CREATE.S.c.f"
	for name, in := range map[string]string{
		"answer elsewhere":          "PUB a raw.x 0\r\n\r\n",
		"answer with headers":       "HPUB a raw.x 12 12\r\nNATS/1.0\r\n\r\n\r\n",
		"answer to all":             "PUB a _INBOX.me.> 0\r\n\r\n",
		"answer to some":            "PUB a _INBOX.me.* 0\r\n\r\n",
		"answer to nearly":          "PUB a _INBOX.me 0\r\n\r\n",
		"answer to another":         "PUB a _INBOX.me2.x 0\r\n\r\n",
		"answer to denied":          "PUB a _INBOX.me.secret.x 0\r\n\r\n",
		"answer to too deep":        "PUB a query.a.x.y 0\r\n\r\n",
		"empty token":               "PUB a _INBOX.me..x 0\r\n\r\n",
		"push":                      consumer("PUB", create, `{"config":{"deliver_subject":"raw.x"}}`),
		"push with headers":         consumer("HPUB", create, `{"config":{"deliver_subject":"raw.x"}}`),
		"push of a durable":         consumer("PUB", "$JS.API.CONSUMER.DURABLE.CREATE.S.c", `{"config":{"deliver_subject":"raw.x"}}`),
		"push of a domain":          consumer("PUB", "$JS.hub.API.CONSUMER.CREATE.S.c", `{"config":{"deliver_subject":"raw.x"}}`),
		"push in other case":        consumer("PUB", create, `{"CONFIG":{"Deliver_Subject":"raw.x"}}`),
		"push said twice":           consumer("PUB", create, `{"config":{"deliver_subject":"_INBOX.me.x"},"config":{"deliver_subject":"raw.x"}}`),
		"push in a second document": consumer("PUB", create, `{"config":{}}{"config":{"deliver_subject":"raw.x"}}`),
		"consumer of no JSON":       consumer("PUB", create, `{`),
		"second connect":            connect,
		"unknown":                   "INFO {}\r\n",
		"empty line":                "\r\n",
		"no size":                   "PUB a\r\n",
		"negative size":             "PUB a -1\r\n",
		"signed size":               "PUB a +1\r\nb\r\n",
		"huge size":                 "PUB a 99999999999999999999\r\n",
		"too large":                 "PUB a 1048577\r\n",
		"too many arguments":        "PUB a b c 0\r\n\r\n",
		"headers beyond message":    "HPUB a 13 12\r\nNATS/1.0\r\n\r\n\r\n",
		"wrong end":                 "PUB a 1\r\nbcd\r\n",
		"control character":         "PUB a\x00b 0\r\n\r\n",
		"carriage return":           "PUB a\rb 0\r\n\r\n",
		"long line":                 "SUB " + strings.Repeat("a", maxLine) + " 1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := relayed(t, connect, "PING\r\n"+in+"PING\r\n"); err == nil || strings.Count(got, "PING") > 1 {
				t.Errorf("passed %q, %v", got, err)
			}
		})
	}
}

func TestNothingPassesBeforeCredentials(t *testing.T) {
	for name, in := range map[string]string{
		"ping":           "PING\r\n",
		"no options":     "CONNECT\r\n",
		"no JSON":        "CONNECT {\r\n",
		"no JWT":         "CONNECT {}\r\n",
		"token":          "CONNECT {\"auth_token\":\"x\"}\r\n",
		"forged":         "CONNECT {\"jwt\":\"a.b.c\"}\r\n",
		"endless":        "CONNECT " + strings.Repeat("x", 2<<20),
		"another JWT":    "CONNECT {\"jwt\":\"" + strings.Repeat("e", 100) + "\"}\r\n",
		"no line at all": strings.Repeat("x", 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Relay(strings.NewReader(in), &out, testLimits); err == nil || out.Len() > 0 {
				t.Errorf("passed %q, %v", out.String(), err)
			}
		})
	}
}

func TestWhoMaySubscribeToAnythingMayBeAnsweredAnywhere(t *testing.T) {
	in := "PUB a raw.x 0\r\n\r\n"
	if got, err := relayed(t, connectLine(t, nil, nil), in); err != nil || got != in {
		t.Errorf("passed %q, %v", got, err)
	}
}

// FuzzRelay reads what passes as the server does: no answer goes elsewhere.
func FuzzRelay(f *testing.F) {
	connect := connectLine(f, []string{"_INBOX.me.>"}, nil)
	for _, seed := range []string{
		"PUB a _INBOX.me.x 1\r\nb\r\n", "HPUB a 12 13\r\nNATS/1.0\r\n\r\nb\r\n", "SUB a q 1\r\nPING\r\n", "PUB a 3\nabc\r\nPUB b raw.x 0\r\n\r\n",
		"PUB $JS.API.CONSUMER.CREATE.S.c 13\r\n{\"config\":{}}\r\n", "PUB a 0\r\n\r\nPUB b raw.x 0\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, _ := relayed(t, connect, in)
		for out != "" {
			line, rest, whole := strings.Cut(out, "\r\n")
			if !whole {
				return // cut off
			}
			args := strings.Split(line, " ")
			numbers := map[string]int{"PUB": 1, "HPUB": 2}[args[0]]
			if numbers == 0 {
				out = rest
				continue
			}
			size, err := strconv.Atoi(args[len(args)-1])
			if err != nil || len(args) != numbers+2 && len(args) != numbers+3 {
				t.Fatalf("line %q", line)
			}
			if len(args) == numbers+3 && !strings.HasPrefix(args[2], "_INBOX.me.") {
				t.Fatalf("answer goes to %s", args[2])
			}
			if len(rest) < size+2 {
				return
			}
			if rest[size:size+2] != "\r\n" {
				t.Fatalf("message of %q does not end where it says", line)
			}
			out = rest[size+2:]
		}
	})
}
