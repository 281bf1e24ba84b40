package cluster

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// adminSecret and hubPod are what the operator calls the credentials of the
// command line, and the replica of the hub that has the embedded bus.
func adminSecret(exchange string) string { return child(exchange, "admin-bus", 63) }

func hubPod(exchange string) string { return child(exchange, "hub", 52) + "-0" }

// child names what the operator makes for an object as the operator does:
// <name>-<suffix> where that fits and begins with a letter, else cut, with ten
// characters of a hash.
func child(name, suffix string, limit int) string {
	letter := name != "" && name[0] >= 'a' && name[0] <= 'z'
	if letter && len(name)+1+len(suffix) <= limit {
		return name + "-" + suffix
	}
	head := name
	if !letter {
		head = "w" + name
	}
	const hashLength = 10
	if room := limit - len(suffix) - hashLength - 2; len(head) > room {
		head = head[:room]
	}
	sum := sha256.Sum256([]byte(name))
	hash := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:hashLength]
	return strings.TrimRight(head, "-.") + "-" + hash + "-" + suffix
}
