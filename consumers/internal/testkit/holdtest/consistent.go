package holdtest

import (
	"fmt"
	"reflect"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Consistent returns the first contradiction between map, entries, records, lapses and ends of a group, as an error. They
// must agree after every call.
func Consistent(s State) error {
	if !s.Loaded {
		if len(s.Map)+len(s.Entries)+len(s.Records)+len(s.Lapses)+len(s.Ends) > 0 {
			return fmt.Errorf("a group that is not loaded has state: %+v", s)
		}
		return nil
	}
	for p := range 4 * len(s.Map) {
		if s.Map.At(p) != s.Entries[p].State {
			return fmt.Errorf("place %d is %d in the map and %d by its entry", p, s.Map.At(p), s.Entries[p].State)
		}
	}
	for p, entry := range s.Entries {
		if p < 0 || p >= 4*len(s.Map) {
			return fmt.Errorf("place %d is outside the map", p)
		}
		record := s.Records[entry.Order]
		if entry.State == seatstate.Held && (record.State != seatstate.RecordHeld || !slices.Contains(record.Places, p) || record.Lapses != entry.Lapses) {
			return fmt.Errorf("place %d is %q, the record of its order is %q", p, entry, record)
		}
	}
	sold := 0
	for order, record := range s.Records {
		lapses, holding := s.Lapses[order]
		_, ended := s.Ends[order]
		switch record.State {
		case seatstate.RecordHeld:
			if !holding || lapses != record.Lapses || ended || len(record.Places) == 0 || record.HeldAt == 0 || record.HoldExpiresAt < record.HeldAt || record.Lapses < record.HoldExpiresAt {
				return fmt.Errorf("record of %s is %q; lapses at %d (%v), has an end: %v", order, record, lapses, holding, ended)
			}
			if twice(record.Places) {
				return fmt.Errorf("record of %s has a place twice: %q", order, record)
			}
			for _, p := range record.Places {
				if entry := s.Entries[p]; entry.State != seatstate.Held || entry.Order != order || entry.Lapses != record.Lapses {
					return fmt.Errorf("%s holds place %d by its record %q, the entry is %+v", order, p, record, entry)
				}
			}
		case seatstate.RecordSold:
			sold++
			if holding || ended || len(record.Places) == 0 {
				return fmt.Errorf("record of %s is %q; lapses: %v, has an end: %v", order, record, holding, ended)
			}
			for _, p := range record.Places {
				if entry := s.Entries[p]; entry.State != seatstate.Sold || entry.Order != order {
					return fmt.Errorf("%s owns place %d by its record, the entry is %+v", order, p, entry)
				}
			}
		case seatstate.RecordEnded, seatstate.RecordForwarded:
			if holding || !ended || len(record.Places) > 0 {
				return fmt.Errorf("record of %s is %q; lapses: %v, has an end: %v", order, record, holding, ended)
			}
		}
	}
	if n := len(s.Lapses) + len(s.Ends) + sold; n != len(s.Records) {
		return fmt.Errorf("%d orders lapse or have an end, %d have a record", n, len(s.Records))
	}
	return nil
}

// whole returns an error if a call left a part of a hold. Only a call about an order gives it other places: a keep, a
// repair or a restore. Any other call leaves its hold as it was or deletes all of it.
func whole(before, after State, about []contracts.OrderID) error {
	for order, was := range before.Records {
		is := after.Records[order]
		if was.State != seatstate.RecordHeld || is.State != seatstate.RecordHeld || slices.Contains(about, order) {
			continue
		}
		if !slices.Equal(was.Places, is.Places) || was.HeldAt != is.HeldAt || was.Lapses != is.Lapses {
			return fmt.Errorf("the hold of %s was %q and is %q", order, was, is)
		}
	}
	return nil
}

func twice(places []int) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(places)))) != len(places)
}

// moved returns an error if the revision stayed although a place changed in a call, or moved although none did.
func moved(before, after State) error {
	want := before.Revision
	if !reflect.DeepEqual(before.Entries, after.Entries) {
		want.Rev++
	}
	if after.Revision != want {
		return fmt.Errorf("revision went from %v to %v, want %v\nbefore %+v\nafter  %+v", before.Revision, after.Revision, want, before.Entries, after.Entries)
	}
	return nil
}
