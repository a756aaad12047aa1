// Package rules decides what an account may have: its mail address, name, password and language. It is pure.
package rules

import "fmt"

// Refusal is an error with the code and the sentence that the person gets. It never contains what the person sent.
type Refusal struct {
	Code   string
	Detail string
}

// Codes of refusals.
const (
	CodeInvalidEmail = "invalid_email"
	CodeInvalidName  = "invalid_name"
	CodeWeakPassword = "weak_password"
)

// Error implements error.
func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

func refuse(code, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}
