package memorder_test

import (
	"testing"

	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/testkit/ordertest"
)

func TestConformance(t *testing.T) {
	ordertest.Exercise(t, func(*testing.T) ordertest.Backend {
		s := memorder.New()
		return ordertest.Backend{Store: s, PutTicket: s.PutTicket, SetUnknown: s.SetUnknown, Unknown: s.Unknown, Revoked: s.Revocations}
	})
}
