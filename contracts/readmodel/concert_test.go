package readmodel_test

import (
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Every concert has a limit per buyer, also if its row is older than the limits or has an invalid one.
func TestTheLimitOfABuyer(t *testing.T) {
	for _, c := range []struct{ stored, perOrder, want int }{
		{0, 1, 8},
		{0, 4, 8},
		{0, 8, 8},
		{0, 9, 9},
		{0, 20, 20},
		{-1, 6, 8},
		{1, 6, 1},
		{4, 4, 4},
		{7, 4, 7},
		{100, 4, 100},
		{101, 4, 100},
		{0, 1000, 100},
	} {
		concert := readmodel.Concert{LimitPerBuyer: c.stored, LimitPerOrder: c.perOrder}
		if got := concert.BuyerLimit(); got != c.want {
			t.Errorf("stored %d, with orders of up to %d: %d, want %d", c.stored, c.perOrder, got, c.want)
		}
	}
}

// A cancelled concert is not on sale, whether it was cancelled before, during or after its sale.
func TestACancelledConcertIsNeverOnSale(t *testing.T) {
	c := readmodel.Concert{OnSaleAt: 10, OffSaleAt: 20, LayoutVersion: 2, LayoutFrozen: 2}
	for _, at := range []struct {
		now  int64
		want readmodel.SaleState
	}{{9, readmodel.SaleScheduled}, {10, readmodel.SaleOpen}, {19, readmodel.SaleOpen}, {20, readmodel.SaleOver}} {
		if got := c.Sale(contracts.Instant(at.now)); got != at.want {
			t.Errorf("at %d: %s, want %s", at.now, got, at.want)
		}
		cancelled := c
		cancelled.CancelledAt = 15
		if got := cancelled.Sale(contracts.Instant(at.now)); got != readmodel.SaleCancelled {
			t.Errorf("cancelled, at %d: %s", at.now, got)
		}
	}
}
