package v1alpha1

import "fmt"

// FieldRef is a reference to a Secret and the field that it stands in.
// +kubebuilder:object:generate=false
type FieldRef struct {
	Field string
	Ref   SecretKeyReference
}

// SecretRefs lists every Secret that collecting the feed needs.
func (s *FeedSourceSpec) SecretRefs() []FieldRef {
	var refs []FieldRef
	if s.HTTP != nil {
		refs = s.HTTP.SecretRefs()
	}
	if s.Unpack.Password != nil {
		refs = append(refs, FieldRef{"spec.unpack.password", *s.Unpack.Password})
	}
	if p := s.Unpack.PGP; p != nil {
		refs = append(refs, FieldRef{"spec.unpack.pgp.privateKey", p.PrivateKey})
		if p.Passphrase != nil {
			refs = append(refs, FieldRef{"spec.unpack.pgp.passphrase", *p.Passphrase})
		}
	}
	if s.Verify == nil {
		return refs
	}
	if p := s.Verify.PGP; p != nil {
		refs = append(refs, keyRefs("spec.verify.pgp.publicKeys", p.PublicKeys)...)
	}
	if m := s.Verify.Minisign; m != nil {
		refs = append(refs, keyRefs("spec.verify.minisign.publicKeys", m.PublicKeys)...)
	}
	return refs
}

func keyRefs(field string, keys []PublicKeySource) []FieldRef {
	var refs []FieldRef
	for i, k := range keys {
		if k.SecretRef != nil {
			refs = append(refs, FieldRef{fmt.Sprintf("%s[%d].secretRef", field, i), *k.SecretRef})
		}
	}
	return refs
}

// SecretRefs lists every Secret that the transport needs.
func (h *HTTPSpec) SecretRefs() []FieldRef {
	var refs []FieldRef
	if a := h.Auth; a != nil {
		if a.Basic != nil {
			refs = append(refs, FieldRef{"spec.http.auth.basic.password", a.Basic.Password})
		}
		if a.Bearer != nil {
			refs = append(refs, FieldRef{"spec.http.auth.bearer", *a.Bearer})
		}
		if a.APIKey != nil {
			refs = append(refs, FieldRef{"spec.http.auth.apiKey.secretRef", a.APIKey.SecretRef})
		}
	}
	if t := h.TLS; t != nil {
		for _, r := range []struct {
			field string
			ref   *SecretKeyReference
		}{{"ca", t.CA}, {"clientCert", t.ClientCert}, {"clientKey", t.ClientKey}} {
			if r.ref != nil {
				refs = append(refs, FieldRef{"spec.http.tls." + r.field, *r.ref})
			}
		}
	}
	return refs
}

// SecretRefs lists every Secret that logging in needs.
func (a *AccessSpec) SecretRefs() []FieldRef {
	var refs []FieldRef
	for i := range a.Keys {
		refs = append(refs, FieldRef{fmt.Sprintf("spec.access.keys[%d].secretRef", i), a.Keys[i].SecretRef})
	}
	if a.JWT != nil {
		refs = append(refs, FieldRef{"spec.access.jwt.secretRef", a.JWT.SecretRef})
	}
	return refs
}
