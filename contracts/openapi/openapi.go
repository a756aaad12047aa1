// Package openapi has the HTTP contract openapi.yaml, in OpenAPI 3.1. Producers implement it, the site's client is generated
// from it, and the end-to-end tests validate every answer against it.
package openapi

import _ "embed"

// YAML is the contract.
//
//go:embed openapi.yaml
var YAML []byte
