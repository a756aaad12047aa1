// Package secretsextension imitates the AWS Parameters and Secrets Lambda extension: GET /secretsmanager/get?secretId=ARN over
// local HTTP, with the session token of the function in a header. So the functions of a local stack read their secrets with the
// same code as on AWS.
package secretsextension

import (
	"encoding/json"
	"net/http"
	"sync"

	"boxoffice/contracts/secrets"
)

// Extension is safe for concurrent use.
type Extension struct {
	// Secrets maps an ARN to the secret's text.
	Secrets map[string]string
	// Valid reports whether a session token belongs to this host.
	Valid func(token string) bool
	// NotReady is the number of first requests of each token that get the response of an extension that is still starting.
	NotReady int

	mu    sync.Mutex
	asked map[string]int
}

var _ http.Handler = (*Extension)(nil)

// ServeHTTP implements http.Handler. The responses, in the order in which they are checked:
//
//	404  another path         405  another method       403  no token, or one that is not valid
//	400  not ready, or no such secret (with the name of AWS's exception)
//	200  the JSON of GetSecretValue
func (e *Extension) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, arn := r.Header.Get(secrets.Header), r.URL.Query().Get(secrets.QueryID)
	switch {
	case r.URL.Path != secrets.Path:
		http.Error(w, "not found", http.StatusNotFound)
	case r.Method != http.MethodGet:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case token == "" || !e.Valid(token):
		http.Error(w, "the session token is missing or wrong", http.StatusForbidden)
	case e.starting(token):
		http.Error(w, secrets.NotReady+", please wait", http.StatusBadRequest)
	default:
		e.answer(w, arn)
	}
}

// starting counts a request of a token and reports whether it is one of the first NotReady.
func (e *Extension) starting(token string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked == nil {
		e.asked = map[string]int{}
	}
	e.asked[token]++
	return e.asked[token] <= e.NotReady
}

func (e *Extension) answer(w http.ResponseWriter, arn string) {
	value, found := e.Secrets[arn]
	if !found {
		http.Error(w, "operation error Secrets Manager: GetSecretValue, ResourceNotFoundException: Secrets Manager can't find the specified secret.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// Writing fails only if the function has ended.
	_ = json.NewEncoder(w).Encode(map[string]any{"ARN": arn, "SecretString": value, "VersionStages": []string{"AWSCURRENT"}})
}
