// Package proto holds the API definition: the .proto files, the code generated from them and the OpenAPI document.
package proto

import _ "embed"

// OpenAPI is the OpenAPI 2.0 document of the REST door, generated with the code.
//
//go:embed lianzhen.swagger.json
var OpenAPI []byte
