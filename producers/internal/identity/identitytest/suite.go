package identitytest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/identity"
)

// Stores are all stores of identity.
type Stores interface {
	identity.Accounts
	identity.Sessions
	identity.Limits
}

var now = time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)

// Exercise checks every promise of the ports.
func Exercise(t *testing.T, open func(t *testing.T) Stores) {
	for name, test := range map[string]func(*testing.T, Stores){
		"an address belongs to one account": uniqueMail, "a race for an address has one winner": raceForMail, "profile": profile,
		"a confirmation link works once": confirm, "a reset link works once and ends sessions": reset,
		"a generation is rotated once": rotate, "a counter stops at its limit": limits, "marks end": marks,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func userOf(id, mail string) readmodel.User {
	return readmodel.User{
		UserID: id, Email: mail, MailKey: mail, Name: "Anna", Locale: "de", CreatedAt: contracts.InstantOf(now), ConfirmNonce: "first",
	}
}

func create(t *testing.T, s Stores, id, mail string) readmodel.User {
	t.Helper()
	u := userOf(id, mail)
	if taken, err := s.Create(t.Context(), u, "hash-of-"+id); taken || err != nil {
		t.Fatalf("create %s: taken %t, %v", id, taken, err)
	}
	u.Item = readmodel.UserItem(id)
	return u
}

func wantUser(t *testing.T, s Stores, want readmodel.User) {
	t.Helper()
	if got, found, err := s.User(t.Context(), want.UserID); !found || err != nil || got != want {
		t.Errorf("account %+v, %t, %v\nwant    %+v", got, found, err, want)
	}
}

func uniqueMail(t *testing.T, s Stores) {
	anna := create(t, s, "u1", "anna@example.com")
	wantUser(t, s, anna)
	if taken, err := s.Create(t.Context(), userOf("u2", "anna@example.com"), "h"); !taken || err != nil {
		t.Errorf("a second account of the address: taken %t, %v", taken, err)
	}
	if _, found, err := s.User(t.Context(), "u2"); found || err != nil {
		t.Errorf("the refused account is there: %t, %v", found, err)
	}
	if _, err := s.Create(t.Context(), userOf("u1", "other@example.com"), "h"); err == nil {
		t.Error("an id was given twice")
	}
	if _, found, err := s.MailOwner(t.Context(), "other@example.com"); found || err != nil {
		t.Errorf("the refused account has its address: %t, %v", found, err)
	}
	if o, found, err := s.MailOwner(t.Context(), "anna@example.com"); !found || err != nil || o.UserID != "u1" || o.PasswordHash != "hash-of-u1" {
		t.Errorf("the address belongs to %+v, %t, %v", o, found, err)
	}
	if _, found, err := s.MailOwner(t.Context(), "nobody@example.com"); found || err != nil {
		t.Errorf("an unknown address: %t, %v", found, err)
	}
}

func raceForMail(t *testing.T, s Stores) {
	const racers = 8
	var wins atomic.Int32
	var wait sync.WaitGroup
	gate := make(chan struct{})
	for i := range racers {
		wait.Go(func() {
			<-gate
			taken, err := s.Create(t.Context(), userOf(fmt.Sprint("r", i), "race@example.com"), "h")
			if err != nil {
				t.Error(err)
			} else if !taken {
				wins.Add(1)
			}
		})
	}
	close(gate)
	wait.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d of %d got the address", wins.Load(), racers)
	}
}

func profile(t *testing.T, s Stores) {
	anna := create(t, s, "u1", "anna@example.com")
	for _, c := range []struct{ name, locale string }{{"Anna Berg", ""}, {"", "en"}, {"A", "de"}, {"", ""}} {
		if c.name != "" {
			anna.Name = c.name
		}
		if c.locale != "" {
			anna.Locale = c.locale
		}
		if got, found, err := s.SetProfile(t.Context(), "u1", c.name, c.locale); !found || err != nil || got != anna {
			t.Errorf("%+v: %+v, %t, %v", c, got, found, err)
		}
		wantUser(t, s, anna)
	}
	if _, found, err := s.SetProfile(t.Context(), "u9", "X", "en"); found || err != nil {
		t.Errorf("an unknown account: %t, %v", found, err)
	}
	if _, found, err := s.User(t.Context(), "u9"); found || err != nil {
		t.Errorf("the change made an account: %t, %v", found, err)
	}
}

func confirm(t *testing.T, s Stores) {
	anna := create(t, s, "u1", "anna@example.com")
	if u, found, err := s.SetNonce(t.Context(), "u1", identity.LinkConfirm, "second"); !found || err != nil || u.ConfirmNonce != "second" || u.Email != anna.Email {
		t.Errorf("%+v, %t, %v", u, found, err)
	}
	for _, c := range []struct {
		nonce string
		want  bool
	}{{"first", false}, {"", false}, {"second", true}, {"second", false}} {
		if done, err := s.Confirm(t.Context(), "u1", c.nonce); done != c.want || err != nil {
			t.Errorf("%q: %t, %v", c.nonce, done, err)
		}
	}
	anna.EmailConfirmed, anna.ConfirmNonce = true, ""
	wantUser(t, s, anna)
	if done, err := s.Confirm(t.Context(), "u9", "x"); done || err != nil {
		t.Errorf("an unknown account: %t, %v", done, err)
	}
	if _, found, err := s.SetNonce(t.Context(), "u9", identity.LinkReset, "x"); found || err != nil {
		t.Errorf("an unknown account: %t, %v", found, err)
	}
	if _, found, err := s.User(t.Context(), "u9"); found || err != nil {
		t.Errorf("a nonce made an account: %t, %v", found, err)
	}
}

func reset(t *testing.T, s Stores) {
	anna := create(t, s, "u1", "anna@example.com")
	create(t, s, "u2", "bob@example.com")
	hash := func(mail, want string) {
		t.Helper()
		if o, _, err := s.MailOwner(t.Context(), mail); err != nil || o.PasswordHash != want {
			t.Errorf("%s has hash %q, %v, want %q", mail, o.PasswordHash, err, want)
		}
	}
	if done, err := s.SetPassword(t.Context(), anna, "none", "new"); done || err != nil {
		t.Errorf("without a link: %t, %v", done, err)
	}
	if _, _, err := s.SetNonce(t.Context(), "u1", identity.LinkReset, "n"); err != nil {
		t.Fatal(err)
	}
	stolen := anna
	stolen.MailKey = "bob@example.com"
	if done, err := s.SetPassword(t.Context(), stolen, "n", "new"); done || err != nil {
		t.Errorf("for another account's address: %t, %v", done, err)
	}
	hash("anna@example.com", "hash-of-u1")
	hash("bob@example.com", "hash-of-u2")
	if done, err := s.SetPassword(t.Context(), anna, "n", "new"); !done || err != nil {
		t.Errorf("with the link: %t, %v", done, err)
	}
	hash("anna@example.com", "new")
	if done, err := s.SetPassword(t.Context(), anna, "n", "newer"); done || err != nil {
		t.Errorf("with the link again: %t, %v", done, err)
	}
	hash("anna@example.com", "new")
	anna.EmailConfirmed, anna.SessionEpoch = true, 1
	wantUser(t, s, anna)
}

func rotate(t *testing.T, s Stores) {
	at := contracts.InstantOf(now)
	want := readmodel.Session{SessionID: "s1", UserID: "u1", Epoch: 2, Generation: 1, StartedAt: at, RotatedAt: at, ExpiresAt: now.Add(time.Hour).Unix()}
	if err := s.Start(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		if got, found, err := s.Session(t.Context(), "s1"); !found || err != nil || got != want {
			t.Errorf("session %+v, %t, %v, want %+v", got, found, err, want)
		}
	}
	check()
	later := now.Add(10 * time.Minute)
	var wins atomic.Int32
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			done, err := s.Rotate(t.Context(), "s1", 1, contracts.InstantOf(later), later.Add(time.Hour))
			if err != nil {
				t.Error(err)
			} else if done {
				wins.Add(1)
			}
		})
	}
	wait.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d of 6 rotated one generation", wins.Load())
	}
	want.Generation, want.RotatedAt, want.ExpiresAt = 2, contracts.InstantOf(later), later.Add(time.Hour).Unix()
	check()
	for _, want := range []string{"u1", ""} {
		if owner, err := s.End(t.Context(), "s1"); err != nil || owner != want {
			t.Errorf("ended the session of %q, %v, want %q", owner, err, want)
		}
	}
	if _, found, err := s.Session(t.Context(), "s1"); found || err != nil {
		t.Errorf("an ended session: %t, %v", found, err)
	}
	if done, err := s.Rotate(t.Context(), "s1", 2, at, later); done || err != nil {
		t.Errorf("an ended session was rotated: %t, %v", done, err)
	}
	if _, found, err := s.Session(t.Context(), "s1"); found || err != nil {
		t.Errorf("the rotation made a session: %t, %v", found, err)
	}
}

func limits(t *testing.T, s Stores) {
	const limit = 5
	var taken atomic.Int32
	var wait sync.WaitGroup
	for range 3 * limit {
		wait.Go(func() {
			ok, err := s.Take(t.Context(), "login#x#1", limit, now.Add(time.Minute))
			if err != nil {
				t.Error(err)
			} else if ok {
				taken.Add(1)
			}
		})
	}
	wait.Wait()
	if taken.Load() != limit {
		t.Errorf("%d were let through, want %d", taken.Load(), limit)
	}
	if ok, err := s.Take(t.Context(), "login#x#2", limit, now.Add(time.Minute)); !ok || err != nil {
		t.Errorf("another window: %t, %v", ok, err)
	}
}

func marks(t *testing.T, s Stores) {
	if there, err := s.Remembered(t.Context(), "known#x", now); there || err != nil {
		t.Errorf("before: %t, %v", there, err)
	}
	if err := s.Remember(t.Context(), "known#x", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{0: true, time.Hour - time.Second: true, time.Hour: false} {
		if there, err := s.Remembered(t.Context(), "known#x", now.Add(after)); there != want || err != nil {
			t.Errorf("after %s: %t, %v", after, there, err)
		}
	}
}
