package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/caarlos0/env/v11"

	"boxoffice/contracts/message"
	"boxoffice/contracts/secrets"
)

// Variables are the names of the environment variables that a config struct reads.
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

// ParseConfig fills a config struct from variables. The error joins all problems.
func ParseConfig[C any](vars map[string]string) (C, error) {
	return env.ParseAsWithOptions[C](env.Options{Environment: vars, FuncMap: map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[message.PaymentMode](): func(text string) (any, error) { return message.ParsePaymentMode(text) },
	}})
}

// readConfig reads the secrets that variables of the config name, and then the config. No value of a secret is in the error.
func readConfig[C any](ctx context.Context, vars map[string]string, get secrets.Get) (C, secrets.Environment, error) {
	var none C
	names, err := Variables[C]()
	if err != nil {
		return none, secrets.Environment{}, fmt.Errorf("config: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, secretsWithin)
	defer cancel()
	environment, err := secrets.Read(ctx, vars, names, get, wait)
	if err != nil {
		// What else is wrong is reported with it.
		_, others := ParseConfig[C](environment.Masked())
		return none, environment, fmt.Errorf("config: %w", errors.Join(err, others))
	}
	config, err := ParseConfig[C](environment.Vars())
	if err == nil {
		return config, environment, nil
	}
	// A parser's error shows the text that it could not read, so it must come from one that has not seen a secret.
	if _, err = ParseConfig[C](environment.Masked()); err == nil {
		err = errors.New("a secret has a value that its variable cannot have")
	}
	return none, environment, fmt.Errorf("config: %w", err)
}

// secretsWithin bounds the reading of all secrets. Lambda gives a start 10 s, and the extension starts beside the function.
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

// extensionClient goes past every proxy, and follows no redirect: it has the function's session token.
var extensionClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	Timeout:       2 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// maxAnswerBytes is more than an answer with the longest secret, of 64 KiB, has.
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
