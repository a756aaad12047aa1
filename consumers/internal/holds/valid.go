package holds

import (
	"errors"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// ErrInvalid means that a request to a store is wrong whatever the state of the group is: a place outside the group, a
// place twice, a name that the coding cannot hold. Nothing was written, and a repeat gets the same error.
var ErrInvalid = errors.New("invalid request to the store of holds")

// MaxPlaces bounds the places of a group. Groups have 50 to 300 seats; the bound keeps every list in a script far below the
// 8,000 values that Lua can pass to one command.
const MaxPlaces = 1000

// ValidVersion returns ErrInvalid for a group without a layout version: places mean nothing without one.
func ValidVersion(g seatstate.GroupVersion) error {
	if g.LayoutVersion < 1 {
		return fmt.Errorf("%w: layout version %d", ErrInvalid, g.LayoutVersion)
	}
	return nil
}

// Validate returns ErrInvalid for an ask that cannot be coded. Only the store knows whether its places are in the group.
func (a Ask) Validate() error {
	if err := ValidOrder(a.Order); err != nil {
		return err
	}
	if !isWord(a.Hash) || a.Hash == "-" {
		return fmt.Errorf("%w: request hash %q", ErrInvalid, a.Hash)
	}
	if len(a.Places) == 0 || len(a.Places) > MaxPlaces {
		return fmt.Errorf("%w: %d places, want 1 to %d", ErrInvalid, len(a.Places), MaxPlaces)
	}
	seen := make(map[int]bool, len(a.Places))
	for _, p := range a.Places {
		if p < 0 || p >= MaxPlaces || seen[p] {
			return fmt.Errorf("%w: place %d is negative, too high or there twice", ErrInvalid, p)
		}
		seen[p] = true
	}
	return nil
}

// Validate returns ErrInvalid for a run that cannot be coded.
func (r Run) Validate() error {
	if len(r.Asks) == 0 || r.SentAt < 0 {
		return fmt.Errorf("%w: a run of %d orders, sent at %d", ErrInvalid, len(r.Asks), r.SentAt)
	}
	for _, ask := range r.Asks {
		if err := ask.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// Validate returns ErrInvalid for a hold that cannot be coded.
func (k Kept) Validate() error {
	if err := k.Ask.Validate(); err != nil {
		return err
	}
	if k.Version < 1 || k.HeldAt < 1 || k.ExpiresAt < k.HeldAt {
		return fmt.Errorf("%w: version %d, held from %d to %d", ErrInvalid, k.Version, k.HeldAt, k.ExpiresAt)
	}
	return nil
}

// ValidSale returns ErrInvalid for a sale, or its withdrawal, that cannot be coded.
func ValidSale(id contracts.OrderID, places []int, version int) error {
	if err := ValidRelease(id, version); err != nil {
		return err
	}
	return Ask{Order: id, Hash: "h", Places: places}.Validate()
}

// ValidForwarding returns ErrInvalid for a forwarding that cannot be coded.
func ValidForwarding(id contracts.OrderID, hash string, to Forwarding) error {
	if err := ValidOrder(id); err != nil {
		return err
	}
	valid := to == Nowhere || contracts.ValidGroup(to.Group) && to.Hop >= 1 && to.Hop <= 9
	if !isWord(hash) || hash == "-" || !valid {
		return fmt.Errorf("%w: hash %q, to %q, hop %d", ErrInvalid, hash, to.Group, to.Hop)
	}
	return nil
}

// ValidRelease returns ErrInvalid for a release that cannot be coded. Only a stored row ends an order, so its version is at
// least 1.
func ValidRelease(order contracts.OrderID, version int) error {
	if err := ValidOrder(order); err != nil {
		return err
	}
	if version < 1 {
		return fmt.Errorf("%w: version %d of a stored row", ErrInvalid, version)
	}
	return nil
}

// Validate returns ErrInvalid for a load that cannot be coded or names a place outside the group.
func (l Load) Validate() error {
	if l.Token < 1 {
		return fmt.Errorf("%w: fencing token %d", ErrInvalid, l.Token)
	}
	if l.Places < 1 || l.Places > MaxPlaces {
		return fmt.Errorf("%w: a group of %d places, want 1 to %d", ErrInvalid, l.Places, MaxPlaces)
	}
	for p, order := range l.Sold {
		if p < 0 || p >= l.Places {
			return fmt.Errorf("%w: sold place %d is outside the group of %d", ErrInvalid, p, l.Places)
		}
		if err := ValidOrder(order); err != nil {
			return err
		}
	}
	for _, o := range l.Open {
		if err := o.Validate(); err != nil {
			return err
		}
		if o.Version < 1 || o.HeldAt < 1 || o.ExpiresAt < o.HeldAt {
			return fmt.Errorf("%w: open order %s: version %d, held from %d to %d", ErrInvalid, o.Order, o.Version, o.HeldAt, o.ExpiresAt)
		}
		for _, p := range o.Places {
			if p >= l.Places {
				return fmt.Errorf("%w: place %d of open order %s is outside the group of %d", ErrInvalid, p, o.Order, l.Places)
			}
		}
	}
	return nil
}

// ValidOrder returns ErrInvalid for an id that an entry or a record cannot hold: the parts of both are separated by spaces.
func ValidOrder(order contracts.OrderID) error {
	if !isWord(string(order)) {
		return fmt.Errorf("%w: order id %q", ErrInvalid, order)
	}
	return nil
}

// isWord reports whether s is 1 to 64 of A-Z a-z 0-9 _ -, which includes order ids and base64url.
func isWord(s string) bool { return contracts.ValidIdempotencyKey(s) }
