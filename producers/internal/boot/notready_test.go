package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/contracts/invocation"
	"boxoffice/contracts/secrets"
)

// only is an extension that serves one secret, is not ready to serve starting secrets, and has no other.
func only(starting ...string) secrets.Get {
	return func(_ context.Context, address, _, _ string) (int, []byte, error) {
		for _, name := range starting {
			if strings.HasSuffix(address, name) {
				return 400, []byte(secrets.NotReady), nil
			}
		}
		if strings.HasSuffix(address, "dev%2Fkey-AbCdEf") {
			return 200, fmt.Appendf(nil, `{"SecretString":%q}`, value), nil
		}
		return 400, []byte("ResourceNotFoundException: it is not there"), nil
	}
}

// The first invocation starts the function only if the extension is the only problem. Any other problem ends the start.
func TestUnreadyExtensionHidesNoOtherProblem(t *testing.T) {
	const late = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dev/late"
	const gone = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dev/gone"
	for name, c := range map[string]struct {
		change map[string]string
		says   []string // none: it starts later
	}{
		"nothing else":                      {change: map[string]string{"REDIS_PASSWORD": late}},
		"a number that is a secret":         {change: map[string]string{"HOLD_SECONDS": late}},
		"all are secrets":                   {change: map[string]string{"HOLD_SECONDS": late, "PAYMENT_MODE": late, "REDIS_PASSWORD": late}},
		"a secret that was read, and is so": {change: map[string]string{"HOLD_SECONDS": "1", "PAYMENT_MODE": "test", "REDIS_PASSWORD": late}},
		"a number":                          {map[string]string{"HOLD_SECONDS": "x", "REDIS_PASSWORD": late}, []string{"Seconds"}},
		"a number and a mode":               {map[string]string{"HOLD_SECONDS": "x", "PAYMENT_MODE": "nonsense", "REDIS_PASSWORD": late}, []string{"Seconds", "PAYMENT_MODE is neither live nor test"}},
		"a missing variable":                {map[string]string{"HOLD_SECONDS": "", "REDIS_PASSWORD": late}, []string{"HOLD_SECONDS"}},
		"an ARN of something else":          {map[string]string{"PAYMENT_MODE": "arn:aws:s3:::b", "REDIS_PASSWORD": late}, []string{"PAYMENT_MODE: the value is an ARN"}},
		"the same, behind it":               {map[string]string{"HOLD_SECONDS": late, "REDIS_PASSWORD": "arn:aws:s3:::b"}, []string{"REDIS_PASSWORD: the value is an ARN"}},
		"a secret that does not exist":      {map[string]string{"PAYMENT_MODE": gone, "REDIS_PASSWORD": late}, []string{"PAYMENT_MODE: ", "ResourceNotFoundException"}},
		"a secret with a value of no mode":  {map[string]string{"PAYMENT_MODE": arn, "REDIS_PASSWORD": late}, []string{"PAYMENT_MODE is neither live nor test"}},
		"a secret that is no number":        {map[string]string{"HOLD_SECONDS": arn, "REDIS_PASSWORD": late}, []string{"Seconds"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler, err := invocation.StartOrLater(t.Context(), func(ctx context.Context) (invocation.Handler, error) {
					_, _, err := readConfig[secretConfig](ctx, vars("1", c.change), only("late"))
					return nil, err
				})
				if len(c.says) == 0 {
					if err != nil || handler == nil {
						t.Errorf("the start ended: %v", err)
					}
					return
				}
				if err == nil || handler != nil || errors.Is(err, secrets.ErrNotReady) {
					t.Fatalf("it starts later: %v, %v", handler, err)
				}
				for _, part := range append(c.says, "not ready") {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("does not say %q: %v", part, err)
					}
				}
				if strings.Contains(err.Error(), "c4n4ry") {
					t.Errorf("shows a secret: %v", err)
				}
			})
		})
	}
}

// An invocation of 5 s that cannot start the function has logged why 300 ms before Lambda kills it.
func TestInvocationThatCannotStartLogsWhy(t *testing.T) {
	for name, get := range map[string]secrets.Get{
		"refused": func(context.Context, string, string, string) (int, []byte, error) {
			return 0, nil, errors.New("the reason")
		},
		"hangs": func(ctx context.Context, _, _, _ string) (int, []byte, error) {
			<-ctx.Done()
			return 0, nil, fmt.Errorf("the reason: %w", ctx.Err())
		},
		"server errors": func(context.Context, string, string, string) (int, []byte, error) { return 503, nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			before := slog.Default()
			defer slog.SetDefault(before)
			var out bytes.Buffer
			slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
			synctest.Test(t, func(t *testing.T) {
				asks := only("dev%2Fkey-AbCdEf")
				handler, err := invocation.StartOrLater(t.Context(), func(ctx context.Context) (invocation.Handler, error) {
					_, _, err := readConfig[secretConfig](ctx, vars("1", nil), asks)
					return nil, err
				})
				if err != nil {
					t.Fatal(err)
				}
				asks = get
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				begun := time.Now()
				_, err = handler.Invoke(ctx, nil)
				if took := time.Since(begun); err == nil || took > 4700*time.Millisecond {
					t.Errorf("after %s: %v", took, err)
				}
			})
			if text := out.String(); !strings.Contains(text, "start failed") || !strings.Contains(text, "REDIS_PASSWORD: ") || !strings.Contains(text, "the reason") && !strings.Contains(text, "status 503") {
				t.Errorf("logged %s", text)
			}
		})
	}
}
