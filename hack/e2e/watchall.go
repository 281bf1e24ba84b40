package e2e

// WatchAllToken opens the Subscription "all" of WatchAll.
const WatchAllToken = "a-token-for-tests-only-0123456789"

// WatchAll are manifests of an Exchange "main" and a Subscription "all" that
// sees everything: by search, and, of 203.0.113.0/24, on its live stream. Feeds
// and their Parsers are added behind it.
const WatchAll = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name: main}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: all}
spec:
  exchangeRef: {name: main}
  organisation: {id: all.example, criteria: {cidrs: [203.0.113.0/24]}}
  clearance: {tlp: RED, fullAccess: true}
  zones: {search: {}, inside: {}}
  access: {keys: [{name: k, secretRef: {name: all, key: token}}]}
  exports: [{name: api, api: {}}, {name: live, stream: {}}]
---
apiVersion: v1
kind: Secret
metadata: {name: all}
stringData: {token: ` + WatchAllToken + `}
`
