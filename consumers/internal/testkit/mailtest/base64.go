package mailtest

import (
	"encoding/base64"
	"io"
)

func newBase64(body io.Reader) io.Reader { return base64.NewDecoder(base64.StdEncoding, body) }
