// Package openapi has the HTTP contract as a file: openapi.yaml, OpenAPI 3.1. Producers answer by it, the site's client
// is made from it, and the end-to-end tests hold every answer to it.
package openapi

import _ "embed"

// YAML is the contract.
//
//go:embed openapi.yaml
var YAML []byte
