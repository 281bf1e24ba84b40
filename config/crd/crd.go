// Package crd embeds the custom resource definitions, so that weir check can
// judge manifests with the very schema that a cluster has.
package crd

import "embed"

// Files are the generated definitions, one file a kind.
//
//go:embed feeds.weir.dev_*.yaml
var Files embed.FS
