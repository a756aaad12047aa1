// Package schema has a JSON Schema (draft 2020-12) for each version of every message on the queues and of every event on the bus,
// for programs that are not written in Go: NAME.vN.json. They are generated from the Go types; the package's test compares them:
//
//	go test ./contracts/schema -update
//
// A schema says which members there are and of which types. What only a decoder checks, such as that two lists do not overlap, is
// in the types' Validate. A test mutates payloads and compares both: only a null is read by a decoder and refused by a schema.
package schema

import "embed"

// Files are the schemas.
//
//go:embed *.json
var Files embed.FS
