package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/caarlos0/env/v11"

	"boxoffice/contracts/message"
	"boxoffice/contracts/secrets"
)

// Variables returns the names of the environment variables that a config struct reads.
func Variables[C any]() ([]string, error) {
	fields, err := env.GetFieldParams(new(C))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Key
	}
	return names, nil
}

// ParseConfig fills a config struct from variables. Its error joins all problems.
func ParseConfig[C any](vars map[string]string) (C, error) {
	return env.ParseAsWithOptions[C](env.Options{Environment: vars, FuncMap: map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[message.PaymentMode](): func(text string) (any, error) { return message.ParsePaymentMode(text) },
	}})
}

// readConfig reads the secrets that the variables of the config name, and then the config. Its error joins all problems and contains
// no value of a secret. It matches secrets.ErrNotReady only if nothing else is wrong.
func readConfig[C any](ctx context.Context, vars map[string]string, get secrets.Get) (C, secrets.Environment, error) {
	var none C
	names, err := Variables[C]()
	if err != nil {
		return none, secrets.Environment{}, fmt.Errorf("config: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, secretsWithin)
	defer cancel()
	environment, unread := secrets.Read(ctx, vars, names, get, wait)
	config, wrong := parseRead[C](environment)
	switch {
	case unread == nil && wrong == nil:
		return config, environment, nil
	case wrong == nil:
		return none, environment, fmt.Errorf("config: %w", unread)
	case errors.Is(unread, secrets.ErrNotReady):
		// A later start would fail because of wrong, so the error must not match ErrNotReady.
		unread = errors.New(unread.Error())
	}
	return none, environment, fmt.Errorf("config: %w", errors.Join(unread, wrong))
}

// parseRead parses an environment. Its error does not report the secrets that could not be read.
func parseRead[C any](environment secrets.Environment) (C, error) {
	config, err := ParseConfig[C](environment.Vars())
	if err = beside(environment.Unread(), err); err == nil {
		return config, nil
	}
	// The error of a parser shows the text that it could not read, so the returned error is that of parsing without the secrets.
	_, err = ParseConfig[C](environment.Masked())
	if err = beside(environment.Unread(), err); err == nil {
		err = errors.New("a secret has a value that its variable cannot have")
	}
	return config, err
}

// beside removes from a parser's problems that the variable of an unread secret is empty.
func beside(unread []string, err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	return errors.Join(slices.DeleteFunc(slices.Clone(all.Errors), func(problem error) bool {
		var empty env.EmptyVarError
		return errors.As(problem, &empty) && slices.Contains(unread, empty.Key)
	})...)
}

// secretsWithin is the time limit for reading all secrets. Lambda gives a start 10 s, and the extension starts beside the function.
// If an invocation starts the function, its context can end earlier.
const secretsWithin = 5 * time.Second

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// extensionClient uses no proxy and follows no redirect, because its requests have the function's session token.
var extensionClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	Timeout:       2 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// maxAnswerBytes is more than the size of an answer with the longest secret, which has 64 KiB.
const maxAnswerBytes = 256 << 10

// getOverHTTP implements secrets.Get.
func getOverHTTP(ctx context.Context, address, header, value string) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set(header, value)
	response, err := extensionClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	return response.StatusCode, body, err
}
