// Package secrets reads the secrets of a function when it starts. In production no secret is in a plain variable: a variable
// whose value begins with "arn:" names a secret of AWS Secrets Manager, and the AWS Parameters and Secrets Lambda extension,
// which runs beside the function, returns the value over local HTTP.
//
// The package has the protocol and the rules. It does no I/O: the caller passes in the HTTP call and the wait.
// scripts/lambdahost imitates the extension with the names below.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The extension listens on localhost, on the port of PortVariable or else DefaultPort. A request is
// GET Path?QueryID=ARN with the header Header, whose value is that of SessionVariable.
const (
	PortVariable    = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
	DefaultPort     = "2773"
	Path            = "/secretsmanager/get"
	QueryID         = "secretId"
	Header          = "X-Aws-Parameters-Secrets-Token"
	SessionVariable = "AWS_SESSION_TOKEN"
)

// NotReady is in the body of the answer 400 of an extension that is still starting.
const NotReady = "not ready to serve traffic"

// prefix is the prefix of the value of a variable that names a secret.
const prefix = "arn:"

// ofSecret matches the ARN of a secret in any partition of AWS.
var ofSecret = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:\S+$`)

// Get makes one GET request with one header and returns the status and the body. It returns an error only if there was no
// answer. The error must not contain the header's value.
type Get func(ctx context.Context, address, header, value string) (status int, body []byte, err error)

// Wait waits, or returns the context's error.
type Wait func(ctx context.Context, d time.Duration) error

// Environment is the environment of a function with the values of its secrets.
type Environment struct {
	vars   map[string]string
	values map[string]string // of the variables that named a secret
	unread []string          // variables whose secret could not be read
}

// ErrNotReady means that the extension answers but is still starting. Lambda starts the extension beside the function, and the
// extension may become ready only with the first invocation: the secrets can be read then.
var ErrNotReady = errors.New("the secrets extension is not ready")

const (
	firstPause = 25 * time.Millisecond
	maxPause   = 400 * time.Millisecond
	// maxAttempts bounds the attempts to read one secret if the context has no deadline: about 10 s.
	maxAttempts = 30
	// maxNotReady bounds the answers "not ready" to the attempts at one secret. An extension that is not ready from the start
	// costs 375 ms, however many secrets there are.
	maxNotReady = 5
)

// Read returns the environment vars with secrets: each variable in names whose value begins with "arn:" gets the value of that
// secret. Other variables stay unchanged. A secret that several variables name is read once.
//
// If the extension does not answer, or answers 429 or 5xx, Read tries again after 25 to 400 ms, until ctx ends. If the extension
// answers 5 times that it is not ready, Read stops and reads no further secret. Every other answer is final.
//
// The error joins all problems. It names the variables and never contains a value. It matches ErrNotReady only if nothing else
// is known to be wrong, so that trying later can succeed.
func Read(ctx context.Context, vars map[string]string, names []string, get Get, wait Wait) (Environment, error) {
	r := &reader{vars: vars, get: get, wait: wait, known: map[string]result{}}
	e := Environment{vars: maps.Clone(vars), values: map[string]string{}}
	var problems []error
	for _, name := range slices.Sorted(slices.Values(names)) {
		if !strings.HasPrefix(vars[name], prefix) {
			continue
		}
		value, err := r.secret(ctx, vars[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
			e.vars[name], e.unread = "", append(e.unread, name)
			continue
		}
		e.vars[name], e.values[name] = value, value
	}
	if slices.ContainsFunc(problems, func(problem error) bool { return !errors.Is(problem, ErrNotReady) }) {
		for i, problem := range problems {
			if errors.Is(problem, ErrNotReady) {
				problems[i] = errors.New(problem.Error())
			}
		}
	}
	return e, errors.Join(problems...)
}

// Unread returns the sorted names of the variables whose secret could not be read. In Vars and Masked these variables are
// empty.
func (e Environment) Unread() []string { return slices.Clone(e.unread) }

// Vars returns the environment with the values of the secrets.
func (e Environment) Vars() map[string]string { return e.vars }

// hidden replaces the value of a secret.
const hidden = "(secret)"

// Masked returns the environment with a fixed text instead of each secret, so that a parser's error about it can be logged.
func (e Environment) Masked() map[string]string {
	masked := maps.Clone(e.vars)
	for name := range e.values {
		masked[name] = hidden
	}
	return masked
}

// Hide replaces the value of each secret in a text, also in the form of %q. It replaces longer values first, because one value
// can contain another.
func (e Environment) Hide(text string) string {
	byLength := slices.SortedFunc(maps.Values(e.values), func(a, b string) int { return len(b) - len(a) })
	for _, value := range byLength {
		quoted := fmt.Sprintf("%q", value)
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], hidden)
		text = strings.ReplaceAll(text, value, hidden)
	}
	return text
}

type result struct {
	value string
	err   error
}

type reader struct {
	// starting is set once the extension was not ready too often.
	starting bool
	vars     map[string]string
	get      Get
	wait     Wait
	known    map[string]result
}

func (r *reader) secret(ctx context.Context, arn string) (string, error) {
	if !ofSecret.MatchString(arn) {
		return "", errors.New("the value is an ARN, but not that of a secret in Secrets Manager (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME)")
	}
	got, known := r.known[arn]
	if !known && r.starting {
		return "", fmt.Errorf("secret %s: not read: %w", arn, ErrNotReady)
	}
	if !known {
		got.value, got.err = r.patiently(ctx, arn)
		r.known[arn] = got
		r.starting = errors.Is(got.err, ErrNotReady)
	}
	return got.value, got.err
}

// patiently repeats once until the answer is final or an attempt or time limit is reached.
func (r *reader) patiently(ctx context.Context, arn string) (string, error) {
	notReady := 0
	for pause, attempt := firstPause, 1; ; pause, attempt = min(2*pause, maxPause), attempt+1 {
		value, again, err := r.once(ctx, arn)
		if !again {
			return value, err
		}
		if errors.Is(err, ErrNotReady) {
			notReady++
		}
		if attempt == maxAttempts || notReady == maxNotReady || ctx.Err() != nil || r.wait(ctx, pause) != nil {
			return "", fmt.Errorf("%w, after %d attempts", err, attempt)
		}
	}
}

// once makes one attempt. again means that another attempt can succeed.
func (r *reader) once(ctx context.Context, arn string) (value string, again bool, err error) {
	port := r.vars[PortVariable]
	if port == "" {
		port = DefaultPort
	}
	address := "http://localhost:" + port + Path + "?" + url.Values{QueryID: {arn}}.Encode()
	status, body, err := r.get(ctx, address, Header, r.vars[SessionVariable])
	switch {
	case err != nil:
		return "", true, fmt.Errorf("secret %s: the secrets extension at port %s does not answer: %w", arn, port, err)
	case status == statusOK:
		value, err := secretString(body)
		if err != nil {
			return "", false, fmt.Errorf("secret %s: %w", arn, err)
		}
		return value, false, nil
	case status == statusBadRequest && strings.Contains(string(body), NotReady):
		return "", true, fmt.Errorf("secret %s: %w", arn, ErrNotReady)
	}
	again = status == statusTooMany || status >= statusServerError
	return "", again, fmt.Errorf("secret %s: the secrets extension returns status %d%s", arn, status, exception(body))
}
