package redishold

import (
	"context"
	_ "embed" // sell.lua, restore.lua
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

//go:embed sell.lua
var sellBody string

//go:embed restore.lua
var restoreBody string

// Sell makes places an order's own, under its row's version. It overwrites holds of other orders, but no sale: see
// holds.Sale. Errors are those of Store.
func (s *Store) Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	if err := holds.ValidSale(id, places, version); err != nil {
		return holds.Sale{}, invalid(err)
	}
	r, err := s.run(ctx, "sell", s.scripts.sell, g, string(id), version, joined(places))
	if err != nil {
		return holds.Sale{}, err
	}
	sale, err := saleOf(r)
	if err != nil {
		return holds.Sale{}, fmt.Errorf("redis sell %s: %w", g.Key(), err)
	}
	return sale, nil
}

func saleOf(r reply) (holds.Sale, error) {
	switch r.word {
	case string(holds.Stale):
		return holds.Sale{Stale: true}, nil
	case "CONFLICT":
		place, err := r.instant(0)
		if err != nil {
			return holds.Sale{}, err
		}
		owner, err := r.text(1)
		return holds.Sale{Conflict: &holds.Conflict{Place: int(place), Owner: contracts.OrderID(owner)}}, err
	case string(holds.OK):
		ids, err := r.orders(0)
		return holds.Sale{Displaced: ids}, err
	default:
		return holds.Sale{}, fmt.Errorf("unknown reply %q", r.word)
	}
}

// Restore frees places that were sold to an order or held by it, under its row's version. Errors are those of Store.
func (s *Store) Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	if err := holds.ValidSale(id, places, version); err != nil {
		return holds.Release{}, invalid(err)
	}
	r, err := s.run(ctx, "restore", s.scripts.restore, g, string(id), version, joined(places))
	if err != nil {
		return holds.Release{}, err
	}
	return released(g, "restore", r)
}
