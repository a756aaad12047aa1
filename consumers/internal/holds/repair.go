package holds

import (
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// State is a group in the store at one instant. A repair compares it with the rows and the tickets.
type State struct {
	Revision seatstate.Revision
	Map      seatstate.SeatMap
	// Entries are the taken places, also those whose hold has lapsed and was not swept.
	Entries map[int]seatstate.Entry
	// Records are those of the orders that have a place. Records of orders that ended or were sent on have no place and are
	// left out: there may be a hundred times as many.
	Records map[contracts.OrderID]seatstate.Record
	// Lapsed is the number of orders that hold something past its lapse.
	Lapsed int
	At     contracts.Instant
}

// Seen returns what the state says of the places that a change of an order touches: those that it has, and those that it
// shall have.
func (s State) Seen(id contracts.OrderID, places []int) map[int]seatstate.Entry {
	seen := map[int]seatstate.Entry{}
	for p, entry := range s.Entries {
		if entry.Order == id {
			seen[p] = entry
		}
	}
	for _, p := range places {
		seen[p] = s.Entries[p]
	}
	return seen
}

// Change is what a repair wants for one order: that it has Places, as Want says, and no other place of the group.
//
// It is written only if nothing has happened to the order since: its places and its new places are as in Seen, and no
// version after Version was applied. The group is read first and DynamoDB second, rows before tickets; so any call that
// moved the order in between either changed a place in Seen or applied a later version.
type Change struct {
	Order contracts.OrderID
	// Version of the row that was read; 0 if there is none, and then only places that were sold to the order can be freed.
	Version int
	// Hash is the request hash of the row, "" without one.
	Hash string
	// Want Sold: the order has tickets of Places. Held: its row is open, until ExpiresAt. Free: it has no place, so Places
	// is empty; if it has a row, that has ended.
	Want   seatstate.State
	Places []int
	// HeldAt and ExpiresAt are the row's, for Held.
	HeldAt, ExpiresAt contracts.Instant
	// Seen has every place that the order had and each of Places, as they were read. State.Seen makes it.
	Seen map[int]seatstate.Entry
}

// Repaired is the result of a repair.
type Repaired struct {
	// EpochChanged: the group was loaded again since it was read; nothing was written.
	EpochChanged bool
	// Done and Skipped are the orders of the changes, in their order. A change is skipped when something has happened
	// since, or a place is not free; the next pass looks at it again.
	Done, Skipped []contracts.OrderID
	// Displaced are the orders whose holds a sale overwrote, each once. Each lost its whole hold.
	Displaced []contracts.OrderID
	At        contracts.Instant
}

// ValidRepair returns ErrInvalid for changes that cannot be coded, or that no reading of the group and the rows could lead
// to.
func ValidRepair(epoch int64, changes []Change) error {
	if epoch < 1 || len(changes) == 0 || len(changes) > MaxPlaces {
		return fmt.Errorf("%w: repair of epoch %d by %d changes, want 1 to %d", ErrInvalid, epoch, len(changes), MaxPlaces)
	}
	seen := make(map[contracts.OrderID]bool, len(changes))
	for _, c := range changes {
		if err := c.validate(); err != nil {
			return fmt.Errorf("change of %q: %w", c.Order, err)
		}
		if seen[c.Order] {
			return fmt.Errorf("%w: two changes of %q", ErrInvalid, c.Order)
		}
		seen[c.Order] = true
	}
	return nil
}

func (c Change) validate() error {
	hash := c.Hash
	switch {
	case c.Want == seatstate.Free && len(c.Places) == 0:
	case c.Want == seatstate.Held && c.HeldAt >= 1 && c.ExpiresAt >= c.HeldAt && c.Version >= 1 && hash != "":
	case c.Want == seatstate.Sold && c.Version >= 1:
	default:
		return fmt.Errorf("%w: state %d of %d places under version %d, held from %d to %d", ErrInvalid, c.Want, len(c.Places), c.Version, c.HeldAt, c.ExpiresAt)
	}
	places := c.Places
	if c.Want == seatstate.Free {
		places = []int{0}
	}
	if hash == "" {
		hash = "h"
	}
	if err := (Ask{Order: c.Order, Hash: hash, Places: places}).Validate(); err != nil {
		return err
	}
	if c.Version < 0 || c.HeldAt < 0 || c.ExpiresAt < 0 || len(c.Seen) == 0 || len(c.Seen) > MaxPlaces {
		return fmt.Errorf("%w: version %d, %d places seen", ErrInvalid, c.Version, len(c.Seen))
	}
	return c.validSeen()
}

func (c Change) validSeen() error {
	for _, p := range c.Places {
		if _, ok := c.Seen[p]; !ok {
			return fmt.Errorf("%w: place %d was not read", ErrInvalid, p)
		}
	}
	for p, entry := range c.Seen {
		ok := p >= 0 && p < MaxPlaces
		switch entry.State {
		case seatstate.Free:
			ok = ok && entry == (seatstate.Entry{})
		case seatstate.Held:
			// A hold without a row ends only when it lapses: the row may still be on its way.
			ok = ok && ValidOrder(entry.Order) == nil && entry.Lapses > 0 && (entry.Order != c.Order || c.Version > 0)
		case seatstate.Sold:
			ok = ok && ValidOrder(entry.Order) == nil && entry.Lapses == 0
		default:
			ok = false
		}
		if !ok {
			return fmt.Errorf("%w: place %d was read as %+v, version %d", ErrInvalid, p, entry, c.Version)
		}
	}
	return nil
}
