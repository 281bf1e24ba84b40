package collect

import (
	"errors"
	"fmt"
	"path"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Problem is what is wrong with a field.
type Problem struct{ Field, Message string }

// Check finds what the schema cannot find in spec.unpack and spec.verify. It looks
// at no Secrets.
func Check(spec *v1alpha1.FeedSourceSpec) []Problem {
	var problems []Problem
	for i, glob := range spec.Unpack.Include {
		if _, err := path.Match(glob, ""); err != nil {
			problems = append(problems, Problem{fmt.Sprintf("spec.unpack.include[%d]", i), fmt.Sprintf("%q is no pattern; write for example *.csv", glob)})
		}
	}
	if spec.Verify == nil {
		return problems
	}
	if p := spec.Verify.PGP; p != nil {
		problems = append(problems, checkKeys("spec.verify.pgp.publicKeys", p.PublicKeys,
			"it is no OpenPGP public key; paste what gpg --export --armor gives", func(raw []byte) error {
				_, err := readKeyRing(raw)
				return err
			})...)
	}
	if m := spec.Verify.Minisign; m != nil {
		problems = append(problems, checkKeys("spec.verify.minisign.publicKeys", m.PublicKeys,
			"it is no minisign public key; paste the line of minisign.pub that starts with RW", func(raw []byte) error {
				_, err := readMinisignKey(raw)
				return err
			})...)
	}
	return append(problems, checkPlace(spec)...)
}

func checkKeys(field string, keys []v1alpha1.PublicKeySource, message string, read func([]byte) error) []Problem {
	var problems []Problem
	for i, k := range keys {
		if k.SecretRef == nil && read([]byte(k.Value)) != nil {
			problems = append(problems, Problem{fmt.Sprintf("%s[%d].value", field, i), message})
		}
	}
	return problems
}

func checkPlace(spec *v1alpha1.FeedSourceSpec) []Problem {
	if spec.HTTP == nil {
		return nil
	}
	feed, err := feedURL(spec.HTTP.URL)
	if err != nil {
		return nil // that is told elsewhere
	}
	var f *failure
	if _, err := signatureURLs(spec.Verify, feed); errors.As(err, &f) {
		return []Problem{{"", f.Error()}}
	}
	return nil
}
