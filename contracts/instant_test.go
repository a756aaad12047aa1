package contracts_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/contracts"
)

func TestInstant(t *testing.T) {
	at := time.Date(2026, 11, 24, 20, 15, 0, 123_999_999, time.FixedZone("CET", 3600))
	i := contracts.InstantOf(at)
	if i.String() != "2026-11-24T19:15:00.123Z" || !i.Time().Equal(at.Truncate(time.Millisecond)) || i.Time().Location() != time.UTC {
		t.Errorf("instant %s, time %s", i, i.Time())
	}
	later := i.Add(1500*time.Millisecond + 999*time.Microsecond)
	if later.Sub(i) != 1500*time.Millisecond || i.Sub(later) != -1500*time.Millisecond {
		t.Errorf("later by %s", later.Sub(i))
	}
}

func TestInstantReadsWhatOthersWrite(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-24T20:15:00+01:00":           "2026-11-24T19:15:00.000Z",
		"2026-11-24T19:15:00.1Z":              "2026-11-24T19:15:00.100Z",
		"2026-11-24T19:15:00.123456789Z":      "2026-11-24T19:15:00.123Z",
		"1969-12-31T23:59:59.999999Z":         "1969-12-31T23:59:59.999Z",
		"9999-12-31T23:59:59.999Z":            "9999-12-31T23:59:59.999Z",
		"0000-01-01T00:00:00.000Z":            "0000-01-01T00:00:00.000Z",
		"9999-12-31T23:59:59-00:01":           "",
		"0000-01-01T00:00:00+00:01":           "",
		"2026-11-24":                          "",
		"2026-11-24 19:15:00Z":                "",
		"2026-11-24T19:15:00":                 "",
		"2026-02-30T00:00:00Z":                "",
		"":                                    "",
		"1790000000123":                       "",
		"2026-11-24T19:15:00.000Z trailing":   "",
		"2026-11-24T19:15:00.000+01:00[Zone]": "",
	} {
		var i contracts.Instant
		err := i.UnmarshalText([]byte(text))
		switch {
		case want == "" && (err == nil || i != 0):
			t.Errorf("%q is read as %s", text, i)
		case want != "" && (err != nil || i.String() != want):
			t.Errorf("%q is read as %s, %v; want %s", text, i, err, want)
		}
	}
}

func TestInstantOutsideRFC3339IsNotWritten(t *testing.T) {
	for _, i := range []contracts.Instant{contracts.InstantOf(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), contracts.InstantOf(time.Date(-1, 12, 31, 0, 0, 0, 0, time.UTC)), 1 << 62} {
		if text, err := i.MarshalText(); err == nil {
			t.Errorf("%d is written as %s", int64(i), text)
		}
	}
}

func TestInstantInJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
		i := contracts.Instant(rapid.Int64Range(from.UnixMilli(), to.UnixMilli()).Draw(t, "instant"))
		text, err := json.Marshal(i)
		if err != nil || len(text) != len(`"2026-11-24T19:15:00.123Z"`) {
			t.Fatalf("written as %s, %v", text, err)
		}
		var back contracts.Instant
		if err := json.Unmarshal(text, &back); err != nil || back != i {
			t.Fatalf("%s is read as %d, %v; want %d", text, back, err, i)
		}
	})
}

func FuzzInstant(f *testing.F) {
	for _, text := range []string{"2026-11-24T20:15:00.123+01:00", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "2026-11-24T19:15:00,5Z", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var i, again contracts.Instant
		if i.UnmarshalText([]byte(text)) != nil {
			return
		}
		written, err := i.MarshalText()
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", text, err)
		}
		if err := again.UnmarshalText(written); err != nil || again != i {
			t.Errorf("%q is written as %s and read as %d, %v; want %d", text, written, again, err, i)
		}
	})
}
