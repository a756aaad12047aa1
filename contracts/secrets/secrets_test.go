package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts/secrets"
)

const (
	arnOfKey   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:boxoffice/key-AbCdEf"
	arnOfOther = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:other/x+y=z@q_1.2-AbCdEf"
	canary     = "c4n4ry-\"of\\ the\nsecret"
)

type answer struct {
	status int
	body   string
	err    error
}

// extension gives the answers of each secret in order and repeats the last one for ever.
type extension struct {
	answers map[string][]answer
	asked   []string
	waited  []time.Duration
	ports   []string
	tokens  []string
}

func (e *extension) get(_ context.Context, address, header, value string) (int, []byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Hostname() != "localhost" || u.Path != "/secretsmanager/get" || header != "X-Aws-Parameters-Secrets-Token" {
		return 0, nil, fmt.Errorf("asked %s with %s", address, header)
	}
	arn := u.Query().Get("secretId")
	e.asked, e.ports, e.tokens = append(e.asked, arn), append(e.ports, u.Port()), append(e.tokens, value)
	all := e.answers[arn]
	if len(all) == 0 {
		return 400, []byte(`operation error Secrets Manager: GetSecretValue, ResourceNotFoundException: Secrets Manager can't find it`), nil
	}
	if len(all) > 1 {
		e.answers[arn] = all[1:]
	}
	return all[0].status, []byte(all[0].body), all[0].err
}

func (e *extension) wait(ctx context.Context, d time.Duration) error {
	e.waited = append(e.waited, d)
	return ctx.Err()
}

func valued(value string) answer {
	return answer{status: 200, body: fmt.Sprintf(`{"ARN":"x","SecretString":%q}`, value)}
}

var (
	notReady = answer{status: 400, body: "not ready to serve traffic, please wait"}
	refused  = answer{err: errors.New("connection refused")}
)

func TestVariablesThatNameASecretGetItsValue(t *testing.T) {
	e := &extension{answers: map[string][]answer{arnOfKey: {valued(canary)}, arnOfOther: {valued("two")}}}
	vars := map[string]string{
		"KEY": arnOfKey, "SAME": arnOfKey, "OTHER": arnOfOther, "PLAIN": "arn", "UNREAD": arnOfOther, "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
		"AWS_SESSION_TOKEN": "the token",
	}
	given := maps.Clone(vars)
	got, err := secrets.Read(t.Context(), vars, []string{"KEY", "SAME", "OTHER", "PLAIN", "ABSENT"}, e.get, e.wait)
	if err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(vars)
	want["KEY"], want["SAME"], want["OTHER"] = canary, canary, "two"
	if !maps.Equal(got.Vars(), want) || !maps.Equal(vars, given) {
		t.Errorf("environment %q; the given one is now %q", got.Vars(), vars)
	}
	if !slices.Equal(e.asked, []string{arnOfKey, arnOfOther}) || e.ports[0] != "2773" || e.tokens[0] != "the token" || len(e.waited) > 0 {
		t.Errorf("asked %q, ports %q, tokens %q, waited %v", e.asked, e.ports, e.tokens, e.waited)
	}
	for name, value := range got.Masked() {
		if strings.Contains(value, canary) || (value == vars[name]) == (name == "KEY" || name == "SAME" || name == "OTHER") {
			t.Errorf("masked %s=%q", name, value)
		}
	}
	text := fmt.Sprintf("plain %s, quoted %q, two of them", canary, canary)
	if hidden := got.Hide(text); strings.Contains(hidden, "c4n4ry") || hidden != "plain (secret), quoted \"(secret)\", (secret) of them" {
		t.Errorf("hidden: %s", hidden)
	}
}

func TestThePortIsTheExtensionsOwn(t *testing.T) {
	e := &extension{answers: map[string][]answer{arnOfKey: {valued("one")}}}
	if _, err := secrets.Read(t.Context(), map[string]string{"KEY": arnOfKey, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "4321"}, []string{"KEY"}, e.get, e.wait); err != nil || e.ports[0] != "4321" {
		t.Errorf("ports %v, error %v", e.ports, err)
	}
}

func TestReadRetriesAStartingExtension(t *testing.T) {
	e := &extension{answers: map[string][]answer{arnOfKey: {refused, notReady, {status: 500}, {status: 429}, {status: 503, body: "{"}, notReady, notReady, notReady, valued("one")}}}
	got, err := secrets.Read(t.Context(), map[string]string{"KEY": arnOfKey}, []string{"KEY"}, e.get, e.wait)
	if err != nil || got.Vars()["KEY"] != "one" {
		t.Fatalf("%q, %v", got.Vars(), err)
	}
	var pauses []time.Duration
	for _, ms := range []time.Duration{25, 50, 100, 200, 400, 400, 400, 400} {
		pauses = append(pauses, ms*time.Millisecond)
	}
	if !slices.Equal(e.waited, pauses) {
		t.Errorf("waited %v, want %v", e.waited, pauses)
	}
}

func TestAnExtensionThatNeverStartsIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		answer   answer
		says     string
		attempts int
	}{"not ready": {notReady, "not ready", 5}, "no answer": {refused, "does not answer", 30}, "server error": {answer{status: 500}, "status 500", 30}} {
		e := &extension{answers: map[string][]answer{arnOfKey: {c.answer}}}
		_, err := secrets.Read(t.Context(), map[string]string{"KEY": arnOfKey}, []string{"KEY"}, e.get, e.wait)
		if err == nil || !strings.Contains(err.Error(), "KEY: ") || !strings.Contains(err.Error(), c.says) || len(e.asked) != c.attempts || errors.Is(err, secrets.ErrNotReady) != (name == "not ready") {
			t.Errorf("%s: %d attempts, %v", name, len(e.asked), err)
		}
		// After the deadline there is one attempt for each secret, so that all problems are reported. If the extension is not
		// ready, no other secret is tried.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		asked, value := 2, "two"
		if name == "not ready" {
			asked, value = 1, ""
		}
		e = &extension{answers: map[string][]answer{arnOfKey: {c.answer}, arnOfOther: {valued("two")}}}
		got, err := secrets.Read(ctx, map[string]string{"KEY": arnOfKey, "OTHER": arnOfOther}, []string{"KEY", "OTHER"}, e.get, e.wait)
		if err == nil || len(e.asked) != asked || got.Vars()["OTHER"] != value {
			t.Errorf("%s: asked %q, %v", name, e.asked, err)
		}
	}
}

// However many secrets there are, Read gives up after 375 ms if the extension is not ready. It still reports all other problems.
func TestAnExtensionThatIsNotReadyIsAskedForOneSecret(t *testing.T) {
	vars := map[string]string{"A": arnOfKey, "B": arnOfOther, "C": arnOfOther + "2", "D": arnOfKey}
	read := func(more map[string]string, answers map[string][]answer) (*extension, secrets.Environment, error) {
		e, all := &extension{answers: answers}, maps.Clone(vars)
		maps.Copy(all, more)
		environment, err := secrets.Read(t.Context(), all, slices.Collect(maps.Keys(all)), e.get, e.wait)
		return e, environment, err
	}
	never := map[string][]answer{arnOfKey: {notReady}, arnOfOther: {notReady}, arnOfOther + "2": {notReady}}
	e, environment, err := read(nil, maps.Clone(never))
	var waited time.Duration
	for _, d := range e.waited {
		waited += d
	}
	if len(e.asked) != 5 || waited != 375*time.Millisecond || !errors.Is(err, secrets.ErrNotReady) {
		t.Errorf("asked %d times in %s: %v", len(e.asked), waited, err)
	}
	for _, name := range []string{"A: ", "B: ", "C: ", "D: "} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if want := []string{"A", "B", "C", "D"}; !slices.Equal(environment.Unread(), want) || environment.Vars()["B"] != "" || environment.Masked()["A"] != "" {
		t.Errorf("unread %v, %q", environment.Unread(), environment.Vars())
	}

	// A later start would fail for any other problem too.
	for name, c := range map[string]struct {
		more    map[string]string
		answers map[string][]answer
		says    string
	}{
		"an ARN of something else, before it": {map[string]string{"A": "arn:aws:s3:::b"}, never, "A: the value is an ARN"},
		"an ARN of something else, behind it": {map[string]string{"E": "arn:aws:s3:::b"}, never, "E: the value is an ARN"},
		"a secret that is not there":          {nil, map[string][]answer{arnOfOther: {notReady}}, "A: secret " + arnOfKey + ": the secrets extension returns status 400 (ResourceNotFoundException)"},
	} {
		_, _, err := read(c.more, maps.Clone(c.answers))
		if err == nil || errors.Is(err, secrets.ErrNotReady) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "not ready") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// After each of these answers there is no second attempt. The error names the variable and shows nothing of the body.
func TestARefusalIsFinal(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		says   string
	}{
		"unknown secret":   {answer{status: 400, body: `{"__type":"ResourceNotFoundException","message":"` + "c4n4ry" + `"}`}, "status 400 (ResourceNotFoundException)"},
		"wrong token":      {answer{status: 403, body: "c4n4ry"}, "status 403"},
		"no token":         {answer{status: 401, body: "c4n4ry"}, "status 401"},
		"other path":       {answer{status: 404, body: "c4n4ry"}, "status 404"},
		"redirect":         {answer{status: 302, body: "c4n4ry"}, "status 302"},
		"no JSON":          {answer{status: 200, body: "c4n4ry"}, "no SecretString"},
		"number":           {answer{status: 200, body: `{"SecretString":123454321}`}, "no SecretString"},
		"binary secret":    {answer{status: 200, body: `{"SecretBinary":"YzRuNHJ5"}`}, "no SecretString"},
		"empty secret":     {valued(""), "no SecretString"},
		"cut in the midst": {answer{status: 200, body: `{"SecretString":"c4n4ry`}, "no SecretString"},
	} {
		e := &extension{answers: map[string][]answer{arnOfKey: {c.answer}}}
		_, err := secrets.Read(t.Context(), map[string]string{"REDIS_PASSWORD": arnOfKey}, []string{"REDIS_PASSWORD"}, e.get, e.wait)
		if err == nil || !strings.HasPrefix(err.Error(), "REDIS_PASSWORD: ") || !strings.Contains(err.Error(), c.says) || len(e.asked) != 1 {
			t.Errorf("%s: asked %d times, %v", name, len(e.asked), err)
		}
		if err != nil && (strings.Contains(err.Error(), "c4n4ry") || strings.Contains(err.Error(), "12345432") || strings.Contains(err.Error(), "YzRu")) {
			t.Errorf("%s: the error has the body: %v", name, err)
		}
	}
}

func TestAnARNOfSomethingElseIsRefused(t *testing.T) {
	for _, value := range []string{
		"arn:", "arn:aws:ssm:eu-central-1:123456789012:parameter/x", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
		"arn:aws:secretsmanager:eu-central-1:1234:secret:x", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a b", "arn:aws:sqs:eu-central-1:123456789012:q",
		arnOfKey + "\n",
	} {
		e := &extension{}
		_, err := secrets.Read(t.Context(), map[string]string{"KEY": value}, []string{"KEY"}, e.get, e.wait)
		if err == nil || !strings.Contains(err.Error(), "KEY: the value is an ARN") || len(e.asked) > 0 {
			t.Errorf("%q: asked %q, %v", value, e.asked, err)
		}
	}
}

func TestAllProblemsAreReportedTogether(t *testing.T) {
	e := &extension{}
	_, err := secrets.Read(t.Context(), map[string]string{"C": arnOfKey, "A": "arn:aws:s3:::b", "B": arnOfOther}, []string{"C", "A", "B"}, e.get, e.wait)
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "A: ") || !strings.HasPrefix(lines[1], "B: ") || !strings.HasPrefix(lines[2], "C: ") {
		t.Errorf("error %v", err)
	}
}
