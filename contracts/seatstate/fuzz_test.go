package seatstate_test

import (
	"reflect"
	"testing"

	"boxoffice/contracts/seatstate"
)

// For each target: reading never panics, whatever is in Redis, and a value that was read is written so that it reads the same.

func FuzzParseEntry(f *testing.F) {
	for _, s := range []string{"held e1abc 1790000000123", "sold e1abc", "held e1abc +7", "held  1", "sold  ", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { readsTheSame(t, s, seatstate.ParseEntry) })
}

func FuzzParseRecord(f *testing.F) {
	for _, s := range []string{"held 0 h 1 2 3 11,0,12", "ended 3 - 0 0 0 -", "held 1  0 0 0 -", "held 0 - 1 2 3 +1", "held 0 h 1 2 3 ", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { readsTheSame(t, s, seatstate.ParseRecord) })
}

func FuzzParseRevision(f *testing.F) {
	for _, s := range []string{"7.120.3", "7.120", "0.0.0", "+1.1.1", "1.2.3.4", "9223372036854775807.1.9223372036854775807", "..", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { readsTheSame(t, s, seatstate.ParseRevision) })
}

func readsTheSame[V interface{ String() string }](t *testing.T, s string, parse func(string) (V, error)) {
	t.Helper()
	v, err := parse(s)
	if err != nil {
		return
	}
	again, err := parse(v.String())
	if err != nil || !reflect.DeepEqual(again, v) {
		t.Errorf("%q was read as %+v, which is written %q and read as %+v (%v)", s, v, v.String(), again, err)
	}
}
