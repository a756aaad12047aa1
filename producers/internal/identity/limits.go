package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"boxoffice/contracts/origin"
	"boxoffice/producers/internal/httpapi"
)

// Rate is how many requests are answered in a window of time. Windows begin at whole multiples of their length since 1970.
type Rate struct {
	Limit  int
	Window time.Duration
}

// Rates of requests by the viewer's address and by account.
type Rates struct {
	SignupByAddress Rate
	LoginByAddress  Rate
	// LoginByAccount counts only attempts from addresses from which the account has not been logged in to.
	LoginByAccount Rate
	ResetByAddress Rate
	// ResetByAccount and ConfirmByAccount bound the letters to one address. Resets that are asked for from an address that the
	// account knows are counted apart.
	ResetByAccount   Rate
	ConfirmByAccount Rate
	LinksByAddress   Rate
}

// ProductionRates returns the rates that hold for people.
func ProductionRates() Rates {
	return Rates{
		SignupByAddress: Rate{5, time.Hour},
		LoginByAddress:  Rate{30, 10 * time.Minute}, LoginByAccount: Rate{10, 15 * time.Minute},
		ResetByAddress: Rate{5, time.Hour}, ResetByAccount: Rate{3, time.Hour}, ConfirmByAccount: Rate{5, time.Hour},
		LinksByAddress: Rate{30, time.Hour},
	}
}

// WideRates returns rates that no load test reaches, for a stack on one machine, where all buyers have one address.
func WideRates() Rates {
	wide := Rate{1_000_000, time.Minute}
	return Rates{wide, wide, wide, wide, wide, wide, wide}
}

// knownFor is how long an address stays known to an account after a login.
const knownFor = 90 * 24 * time.Hour

// viewerHeader has the viewer's address and port, as CloudFront writes it.
const viewerHeader = "CloudFront-Viewer-Address"

// ipv6Prefix is what counts as one address of IPv6: a viewer has all addresses of a network of this length.
const ipv6Prefix = 64

// viewer returns the viewer's address, "" if it is not known. Only a request with the secret of the edge proves its address: any
// other could have written the header itself.
func (s *Service) viewer(r httpapi.Request) string {
	if s.Edge.Sent() == "" || !s.Edge.Accept(r.Header(origin.Header)) {
		return ""
	}
	text := r.Header(viewerHeader)
	addrPort, err := netip.ParseAddrPort(text)
	address := addrPort.Addr()
	if err != nil {
		// CloudFront writes IPv6 without brackets.
		colon := strings.LastIndexByte(text, ':')
		if colon < 0 {
			return ""
		}
		if address, err = netip.ParseAddr(text[:colon]); err != nil {
			return ""
		}
	}
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	prefix, err := address.Prefix(ipv6Prefix)
	if err != nil {
		return ""
	}
	return prefix.String()
}

// digest replaces a subject in a key: no address and no mail is stored with a counter.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // writing to a hash never fails
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// take counts a request of a subject. ok is false if the limit of the window is reached; then wait is the rest of the window.
func (s *Service) take(ctx context.Context, name, subject string, rate Rate) (ok bool, wait time.Duration, err error) {
	now := s.Now()
	start := now.Truncate(rate.Window)
	end := start.Add(rate.Window)
	ok, err = s.Limits.Take(ctx, fmt.Sprintf("%s#%s#%d", name, digest(subject), start.Unix()), rate.Limit, end.Add(time.Minute))
	return ok, end.Sub(now), err
}

// within counts a request and refuses it if the limit is reached. An empty subject is not counted. The error is a *Problem.
func (s *Service) within(ctx context.Context, name, subject string, rate Rate) error {
	if subject == "" {
		return nil
	}
	ok, wait, err := s.take(ctx, name, subject, rate)
	switch {
	case err != nil:
		return s.unavailable(ctx, "request not counted", err)
	case !ok:
		return httpapi.NewProblem(httpapi.CodeTooManyRequests, "There were too many requests. Try again later.").RetryIn(wait)
	}
	return nil
}

// withinAccount refuses a login if there were too many attempts at the account from addresses that it does not know. It makes the
// same calls for an account that does not exist.
func (s *Service) withinAccount(ctx context.Context, mailKey, viewer string) error {
	known, err := s.known(ctx, mailKey, viewer)
	if err != nil || known {
		return err
	}
	return s.within(ctx, "login-account", mailKey, s.Rates.LoginByAccount)
}

// known reports whether the account of an address has been logged in to from the viewer's address. The error is a *Problem.
func (s *Service) known(ctx context.Context, mailKey, viewer string) (bool, error) {
	if viewer == "" {
		return false, nil
	}
	known, err := s.Limits.Remembered(ctx, knownKey(mailKey, viewer), s.Now())
	if err != nil {
		return false, s.unavailable(ctx, "address not looked up", err)
	}
	return known, nil
}

func knownKey(mailKey, viewer string) string { return "known#" + digest(mailKey, viewer) }

// remember makes the viewer's address known to the account.
func (s *Service) remember(ctx context.Context, mailKey, viewer string) error {
	if viewer == "" {
		return nil
	}
	return s.Limits.Remember(ctx, knownKey(mailKey, viewer), s.Now().Add(knownFor))
}
