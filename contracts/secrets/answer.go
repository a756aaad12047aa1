package secrets

import (
	"encoding/json"
	"errors"
	"regexp"
)

// Statuses of HTTP. This package has no I/O, so it does not import net/http.
const (
	statusOK          = 200
	statusBadRequest  = 400
	statusTooMany     = 429
	statusServerError = 500
)

// errNoText does not quote the body: a part of it can be the secret.
var errNoText = errors.New("the answer of the secrets extension has no SecretString with text")

// secretString reads the secret from the body of an answer 200, which is that of GetSecretValue. A binary secret has no
// SecretString.
func secretString(body []byte) (string, error) {
	var answer struct{ SecretString string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.SecretString == "" {
		return "", errNoText
	}
	return answer.SecretString, nil
}

// exceptionName matches the name of an AWS error, such as ResourceNotFoundException.
var exceptionName = regexp.MustCompile(`\b[A-Z][A-Za-z]{2,60}Exception\b`)

// exception returns the name of the AWS error in a body, and nothing else of the body.
func exception(body []byte) string {
	if name := exceptionName.Find(body); name != nil {
		return " (" + string(name) + ")"
	}
	return ""
}
