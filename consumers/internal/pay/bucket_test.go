package pay_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/memrate"
	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/paymenttest"
	"boxoffice/contracts"
)

// watched records what is taken from a bucket, which may be unreachable.
type watched struct {
	pay.Bucket
	taken []pay.Class
	away  error
}

func (w *watched) Take(ctx context.Context, c pay.Class) (time.Duration, error) {
	if w.away != nil {
		return 0, w.away
	}
	w.taken = append(w.taken, c)
	return w.Bucket.Take(ctx, c)
}

func newWatched(rates pay.Rates) *watched {
	return &watched{Bucket: memrate.New(rates, paymenttest.NewClock().Now)}
}

// calls are all of a Provider, by name.
func calls(ctx context.Context, p pay.Provider) map[string]func() error {
	return map[string]func() error{
		"create": func() error {
			_, err := p.Create(ctx, "pi:1:0", pay.CreateParams{Amount: contracts.Money{Minor: 100, Currency: "EUR"}})
			return err
		},
		"retrieve": func() error { _, err := p.Retrieve(ctx, "pi_1"); return err },
		"capture":  func() error { _, err := p.Capture(ctx, "cap:1:0", "pi_1"); return err },
		"cancel":   func() error { _, err := p.Cancel(ctx, "void:pi_1:0", "pi_1"); return err },
		"events":   func() error { _, err := p.Undelivered(ctx, 1, ""); return err },
		"entries":  func() error { _, err := p.Entries(ctx, 1, 2, ""); return err },
		"entry":    func() error { _, err := p.Entry(ctx, "pi_1"); return err },
	}
}

var classes = map[string]pay.Class{
	"create": pay.Opening, "retrieve": pay.Reading, "capture": pay.Settling, "cancel": pay.Settling, "events": pay.Reading,
	"entries": pay.Auditing, "entry": pay.Auditing,
}

func TestEveryCallTakesATokenOfItsClass(t *testing.T) {
	for name, want := range classes {
		shared, own := newWatched(pay.LiveRates), newWatched(pay.LiveRates)
		provider := mempay.New(mempay.Options{Now: func() contracts.Instant { return 1000 }})
		_ = calls(t.Context(), pay.Limited{Provider: provider, Bucket: shared, Own: own})[name]()
		if !slices.Equal(shared.taken, []pay.Class{want}) || len(own.taken) != 0 {
			t.Errorf("%s took %v, of its own %v", name, shared.taken, own.taken)
		}
	}
}

// A call without a token is not made, and its message is redelivered when there is one.
func TestNoCallIsMadeWithoutAToken(t *testing.T) {
	for name, class := range classes {
		bucket := newWatched(pay.LiveRates)
		for {
			if wait, err := bucket.Take(t.Context(), class); err != nil || wait > 0 {
				break
			}
		}
		provider := mempay.New(mempay.Options{Now: func() contracts.Instant { return 1000 }})
		err := calls(t.Context(), pay.Limited{Provider: provider, Bucket: bucket, Own: newWatched(pay.LiveRates)})[name]()
		var problem *pay.ProviderError
		if !errors.As(err, &problem) || problem.Failure != pay.FailureUnknown || problem.Code != "no_token" {
			t.Errorf("%s without a token: %v", name, err)
		}
		if o := retry.Classify(err); o.Class != retry.ClassRetryable || o.After <= 0 || o.After > time.Second {
			t.Errorf("%s is %s after %s", name, o.Class, o.After)
		}
		if len(provider.Effects()) != 0 {
			t.Errorf("%s was made", name)
		}
	}
}

// While the shared bucket is unreachable, each instance has its share and no more.
func TestEachInstanceHasItsShareWhileTheBucketIsUnreachable(t *testing.T) {
	shared, own := newWatched(pay.LiveRates), newWatched(pay.LiveRates.Share(0.05))
	shared.away = errors.New("no answer")
	limited := pay.Limited{Provider: mempay.New(mempay.Options{Now: func() contracts.Instant { return 1000 }}), Bucket: shared, Own: own}
	made := 0
	for range 20 {
		// Captures of a PaymentIntent that does not exist: the test counts which of them are made.
		_, err := limited.Capture(t.Context(), "cap:1:0", "pi_none")
		var problem *pay.ProviderError
		if !errors.As(err, &problem) {
			t.Fatal(err)
		}
		if problem.Code == "resource_missing" {
			made++
		}
	}
	if made != 2 || len(own.taken) != 20 {
		t.Errorf("%d of 20 calls, %d asked of the own share", made, len(own.taken))
	}
}
