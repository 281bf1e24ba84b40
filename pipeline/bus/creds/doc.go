// Package creds makes the credentials with which components use the bus: NATS
// JWTs, signed with a key per Exchange, that say what a component may publish and
// subscribe to.
package creds
