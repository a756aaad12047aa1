// Package secrets says how a function reads its secrets when it starts. In production no secret is in a plain variable: a
// variable whose value begins with "arn:" names a secret of AWS Secrets Manager, and the AWS Parameters and Secrets Lambda
// extension, which runs beside the function, returns the value over local HTTP.
//
// The package has the protocol and the rules. It makes no call itself: whoever starts a function passes in the call and the
// wait. scripts/lambdahost imitates the extension with the same names.
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

// NotReady is in the body of the answer 400 of an extension that still starts.
const NotReady = "not ready to serve traffic"

// prefix begins the value of a variable that names a secret.
const prefix = "arn:"

// ofSecret is an ARN of Secrets Manager, in any partition of AWS.
var ofSecret = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:\S+$`)

// Get makes one GET request with one header. It returns the status and the body; the error is for no answer at all, and must
// not contain the header's value.
type Get func(ctx context.Context, address, header, value string) (status int, body []byte, err error)

// Wait waits, or returns the context's error.
type Wait func(ctx context.Context, d time.Duration) error

// Environment is a function's environment with its secrets.
type Environment struct {
	vars   map[string]string
	values map[string]string // of the variables that named a secret
	unread []string          // variables whose secret could not be read
}

// ErrNotReady is an extension that answers and still starts. Lambda starts it beside the function, and lets it be ready only with
// the first invocation if it likes: what could not be read at the start can be read then.
var ErrNotReady = errors.New("the secrets extension is not ready")

const (
	firstPause = 25 * time.Millisecond
	maxPause   = 400 * time.Millisecond
	// maxAttempts bounds the attempts at one secret where the context has no end: about 10 s.
	maxAttempts = 30
	// maxNotReady bounds the answers that the extension is not ready: if it says so from the first on, it is left for later after
	// 375 ms, however many secrets there are.
	maxNotReady = 5
)

// Read returns the environment vars in which each variable of names whose value begins with "arn:" has the value of that
// secret. Other variables stay as they are. A secret that several variables name is read once.
//
// An extension that does not answer, or has a passing failure (429 or 5xx), is asked again after 25 to 400 ms, until ctx ends; one
// that is not ready until it has said so 5 times, and then it is asked for no further secret. Every other answer is final.
//
// The error joins all problems; it names the variables and never has a value. It matches ErrNotReady only if that is all that is
// known to be wrong: only then is there a point in trying later.
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

// Unread are the variables, sorted, that name a secret which could not be read. In Vars and Masked they are empty.
func (e Environment) Unread() []string { return slices.Clone(e.unread) }

// Vars is the environment with the secrets' values.
func (e Environment) Vars() map[string]string { return e.vars }

// hidden stands for the value of a secret.
const hidden = "(secret)"

// Masked is the environment with a fixed text in place of each secret: what is wrong with it can be printed.
func (e Environment) Masked() map[string]string {
	masked := maps.Clone(e.vars)
	for name := range e.values {
		masked[name] = hidden
	}
	return masked
}

// Hide replaces the value of each secret in a text, also as %q writes it. Longer values go first, since one may contain another.
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
	// starting is set once the extension has been given up because it is not ready.
	starting bool
	vars     map[string]string
	get      Get
	wait     Wait
	known    map[string]result
}

func (r *reader) secret(ctx context.Context, arn string) (string, error) {
	if !ofSecret.MatchString(arn) {
		return "", errors.New("the value is an ARN, and not one of a secret in Secrets Manager (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME)")
	}
	got, known := r.known[arn]
	if !known && r.starting {
		return "", fmt.Errorf("secret %s: not asked for: %w", arn, ErrNotReady)
	}
	if !known {
		got.value, got.err = r.patiently(ctx, arn)
		r.known[arn] = got
		r.starting = errors.Is(got.err, ErrNotReady)
	}
	return got.value, got.err
}

// patiently asks until the answer is final or the time is over.
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

// once asks once. again says that another attempt may be answered otherwise.
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
