// Package secretsextension imitates the AWS Parameters and Secrets Lambda extension: GET /secretsmanager/get?secretId=ARN over local
// HTTP, with the session token of the function in a header. A local stack's functions so read their secrets by the code that runs on
// AWS.
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
	// Valid says whether a session token is one of this host's.
	Valid func(token string) bool
	// NotReady is how many requests of each token are answered as by an extension that still starts.
	NotReady int

	mu    sync.Mutex
	asked map[string]int
}

var _ http.Handler = (*Extension)(nil)

// ServeHTTP implements http.Handler. The answers, in the order in which they are decided:
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

// starting counts the requests of a token.
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
	// If this fails the function is gone.
	_ = json.NewEncoder(w).Encode(map[string]any{"ARN": arn, "SecretString": value, "VersionStages": []string{"AWSCURRENT"}})
}
