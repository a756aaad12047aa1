package paymenttest

import (
	"slices"
	"strings"
	"sync"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
)

var intentPromises = []promise{
	{"a PaymentIntent waits for a card", func(f *fixture) {
		c := f.created()
		i := f.is(c.ID, pay.StatusRequiresMethod)
		if i.Amount != 12000 || i.Currency != "eur" || i.AmountCapturable != 0 || i.AmountReceived != 0 || i.Livemode ||
			i.Metadata[stripeevent.MetadataOrder] != string(f.order) || i.Metadata[stripeevent.MetadataGroup] != "A" {
			f.Errorf("%+v", i)
		}
		if !strings.HasPrefix(c.ClientSecret, c.ID+"_secret_") {
			f.Error("the client secret is not of the PaymentIntent")
		}
	}},
	{"one key is one PaymentIntent", func(f *fixture) {
		first, again := f.created(), f.created()
		if first != again {
			f.Errorf("the same key made %s and %s, or another secret", first.ID, again.ID)
		}
		f.effects("created")
	}},
	{"a key that was used with other parameters is a bug", func(f *fixture) {
		f.created()
		other := f.params()
		other.Amount.Minor++
		_, err := f.b.Create(f.Context(), f.key("pi"), other)
		f.refused("another amount", err, pay.FailureBug)
		f.effects("created")
	}},
	{"an amount is charged as a buyer reads it, in whichever currency", func(f *fixture) {
		for money, want := range map[contracts.Money]int64{
			{Minor: 5000, Currency: "JPY"}: 5000, {Minor: 5000, Currency: "ISK"}: 500_000, {Minor: 5120, Currency: "KWD"}: 5120, {Minor: 30, Currency: "GBP"}: 30,
		} {
			params := f.params()
			params.Amount = money
			c, err := f.b.Create(f.Context(), f.key(money.Currency), params)
			if err != nil {
				f.Fatalf("%v: %v", money, err)
			}
			if i := f.is(c.ID, pay.StatusRequiresMethod); i.Amount != want || !money.IsStripeAmount(i.Amount, i.Currency) {
				f.Errorf("%v is charged as %d %s", money, i.Amount, i.Currency)
			}
		}
	}},
	{"an amount that cannot be charged is a bug, and makes nothing", func(f *fixture) {
		for _, money := range []contracts.Money{
			{Minor: 49, Currency: "EUR"}, {Minor: 0, Currency: "EUR"}, {Minor: 100_000_000, Currency: "EUR"}, {Minor: 5124, Currency: "KWD"}, {Minor: 5000, Currency: "XXX"}, {},
		} {
			params := f.params()
			params.Amount = money
			_, err := f.b.Create(f.Context(), f.key("pi"), params)
			f.refused(money.Currency, err, pay.FailureBug)
		}
		f.effects()
	}},
	{"an authorised amount is captured once", func(f *fixture) {
		c := f.authorized()
		if i := f.is(c.ID, pay.StatusRequiresCapture); i.AmountCapturable != 12000 || i.AmountReceived != 0 {
			f.Errorf("authorised %+v", i)
		}
		for range 2 {
			i, err := f.b.Capture(f.Context(), f.key("cap"), c.ID)
			f.done("capture", i, err, pay.StatusSucceeded)
			if i.AmountReceived != 12000 || i.AmountCapturable != 0 {
				f.Errorf("captured %+v", i)
			}
			f.paidBy("a capture", i)
		}
		f.paidBy("a retrieve", f.is(c.ID, pay.StatusSucceeded))
		_, err := f.b.Capture(f.Context(), f.key("another"), c.ID)
		f.refused("a second capture", err, pay.FailureState)
		_, err = f.b.Cancel(f.Context(), f.key("void"), c.ID)
		f.refused("cancel of what was captured", err, pay.FailureState)
		f.confirm(c, mempay.CardGood, false)
		f.effects("created", "authorized", "captured")
	}},
	{"of 16 captures at once one is made", func(f *fixture) {
		c := f.authorized()
		var all sync.WaitGroup
		failed := make([]error, 16)
		for n := range failed {
			all.Go(func() { _, failed[n] = f.b.Capture(f.Context(), f.key("cap"), c.ID) })
		}
		all.Wait()
		for _, err := range failed {
			if err != nil {
				// The key was in use.
				f.refused("beside another", err, pay.FailureUnknown)
			}
		}
		f.is(c.ID, pay.StatusSucceeded)
		f.effects("created", "authorized", "captured")
	}},
	{"an unauthorised PaymentIntent is not captured, and its key repeats the refusal", func(f *fixture) {
		c := f.created()
		_, err := f.b.Capture(f.Context(), f.key("cap"), c.ID)
		f.refused("capture before the card", err, pay.FailureState)
		f.confirm(c, mempay.CardGood, true)
		_, err = f.b.Capture(f.Context(), f.key("cap"), c.ID)
		f.refused("the same key after the card", err, pay.FailureState)
		i, err := f.b.Capture(f.Context(), f.key("another"), c.ID)
		f.done("another key", i, err, pay.StatusSucceeded)
	}},
	{"a cancelled PaymentIntent is not captured", func(f *fixture) {
		c := f.authorized()
		for range 2 {
			i, err := f.b.Cancel(f.Context(), f.key("void"), c.ID)
			f.done("cancel", i, err, pay.StatusCanceled)
		}
		_, err := f.b.Cancel(f.Context(), f.key("another"), c.ID)
		f.refused("a second cancel", err, pay.FailureState)
		_, err = f.b.Capture(f.Context(), f.key("cap"), c.ID)
		f.refused("capture of what was cancelled", err, pay.FailureState)
		f.confirm(c, mempay.CardGood, false)
		f.effects("created", "authorized", "canceled")
	}},
	{"a PaymentIntent without a card can be cancelled, also at its bank's page", func(f *fixture) {
		c := f.created()
		f.confirm(c, mempay.CardAsks, true)
		f.is(c.ID, pay.StatusRequiresAction)
		_, err := f.b.Capture(f.Context(), f.key("cap"), c.ID)
		f.refused("capture before the bank", err, pay.FailureState)
		i, err := f.b.Cancel(f.Context(), f.key("void"), c.ID)
		f.done("cancel", i, err, pay.StatusCanceled)
	}},
	{"after a declined card another may be tried", func(f *fixture) {
		c := f.created()
		f.confirm(c, mempay.CardDeclined, false)
		if e := f.is(c.ID, pay.StatusRequiresMethod).LastPaymentError; e == nil || e.DeclineCode != "insufficient_funds" || e.Message == "" {
			f.Errorf("declined as %+v", e)
		}
		f.confirm(c, mempay.CardGood, true)
		f.effects("created", "declined", "authorized")
	}},
	{"a lost authorisation is not captured", func(f *fixture) {
		c := f.authorized()
		f.b.Lose(f, c.ID)
		f.is(c.ID, pay.StatusRequiresMethod)
		_, err := f.b.Capture(f.Context(), f.key("cap"), c.ID)
		f.refused("capture", err, pay.FailureState)
		f.confirm(c, mempay.CardGood, true)
	}},
	{"a call about a missing PaymentIntent is a bug", func(f *fixture) {
		for what, ask := range map[string]func() error{
			"retrieve": func() error { _, err := f.b.Retrieve(f.Context(), "pi_none"); return err },
			"capture":  func() error { _, err := f.b.Capture(f.Context(), f.key("cap"), "pi_none"); return err },
			"cancel":   func() error { _, err := f.b.Cancel(f.Context(), f.key("void"), "pi_none"); return err },
		} {
			f.refused(what, ask(), pay.FailureBug)
		}
	}},
}

// paidBy checks that a PaymentIntent shows the card that CardGood is.
func (f *fixture) paidBy(what string, i stripeevent.Intent) {
	f.Helper()
	if card := i.LatestCharge.Card; card == nil || *card != (readmodel.Card{Brand: "visa", Last4: "4242"}) {
		f.Errorf("%s shows the card %+v", what, card)
	}
}

// step is a call with a key, its effect, and how to make it with a key.
type step struct {
	call   mempay.Call
	effect string
	make   func(f *fixture, key string, c pay.Created) error
}

var steps = []step{
	{mempay.CallCreate, "created", func(f *fixture, key string, _ pay.Created) error {
		_, err := f.b.Create(f.Context(), key, f.params())
		return err
	}},
	{mempay.CallCapture, "captured", func(f *fixture, key string, c pay.Created) error {
		_, err := f.b.Capture(f.Context(), key, c.ID)
		return err
	}},
	{mempay.CallCancel, "canceled", func(f *fixture, key string, c pay.Created) error {
		_, err := f.b.Cancel(f.Context(), key, c.ID)
		return err
	}},
}

// eachStep tries a fault at every call with a key, each with an order of its own. The PaymentIntent is authorised, unless
// the call is the one that creates it. happened returns how often the effect happened.
func (f *fixture) eachStep(kind mempay.Fault, check func(ask func(key string) error, happened func() int)) {
	for _, s := range steps {
		f.order = newOrder()
		var c pay.Created
		if s.call != mempay.CallCreate {
			c = f.authorized()
		}
		f.b.Fail(f, f.order, s.call, kind)
		f.Logf("%s %s", kind, s.call)
		check(func(key string) error { return s.make(f, f.key(key), c) }, func() int { return count(f.b.Effects(f, f.order), s.effect) })
	}
}

var faultPromises = []promise{
	{"a call whose response was lost had its effect, and a repeat returns the response", func(f *fixture) {
		f.eachStep(mempay.Lost, func(ask func(string) error, happened func() int) {
			f.refused("the first", ask("first"), pay.FailureUnknown)
			if n := happened(); n != 1 {
				f.Errorf("%d effects after the lost answer", n)
			}
			if err := ask("first"); err != nil || happened() != 1 {
				f.Errorf("again: %v, %d effects", err, happened())
			}
		})
	}},
	{"a failure is repeated by its key, readable or not, and another key makes the call", func(f *fixture) {
		for _, kind := range []mempay.Fault{mempay.Broken, mempay.Garbled} {
			f.eachStep(kind, func(ask func(string) error, happened func() int) {
				f.refused("the first", ask("first"), pay.FailureUnknown)
				for range 2 {
					f.refused("again", ask("first"), pay.FailureReplayed)
				}
				if n := happened(); n != 0 {
					f.Errorf("%d effects of a failure", n)
				}
				if err := ask("second"); err != nil || happened() != 1 {
					f.Errorf("another key: %v, %d effects", err, happened())
				}
			})
		}
	}},
	{"a failure may hide an effect", func(f *fixture) {
		f.eachStep(mempay.BrokenAfter, func(ask func(string) error, happened func() int) {
			f.refused("the first", ask("first"), pay.FailureUnknown)
			f.refused("again", ask("first"), pay.FailureReplayed)
			if n := happened(); n != 1 {
				f.Errorf("%d effects behind the failure", n)
			}
		})
	}},
	{"a throttled call has no effect and uses up no key", func(f *fixture) {
		f.eachStep(mempay.Limited, func(ask func(string) error, happened func() int) {
			f.refused("the first", ask("first"), pay.FailureUnknown)
			if n := happened(); n != 0 {
				f.Errorf("%d effects", n)
			}
			if err := ask("first"); err != nil || happened() != 1 {
				f.Errorf("again: %v, %d effects", err, happened())
			}
		})
	}},
	{"a retrieve may fail too", func(f *fixture) {
		c := f.authorized()
		for _, kind := range []mempay.Fault{mempay.Lost, mempay.Broken, mempay.Garbled, mempay.Limited} {
			f.b.Fail(f, f.order, mempay.CallRetrieve, kind)
			_, err := f.b.Retrieve(f.Context(), c.ID)
			f.refused(string(kind), err, pay.FailureUnknown)
			f.is(c.ID, pay.StatusRequiresCapture)
		}
		if got := f.b.Effects(f, f.order); !slices.Equal(got, []string{"created", "authorized"}) {
			f.Errorf("effects %v", got)
		}
	}},
}
