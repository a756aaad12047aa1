package icalendar_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the system's zones
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/icalendar"
	"boxoffice/contracts/readmodel"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func event(t testing.TB, zoneName string, start time.Time) icalendar.Event {
	t.Helper()
	return icalendar.Event{
		UID: icalendar.UIDOf("e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4"), Sequence: 4, Stamp: contracts.InstantOf(time.Date(2030, 2, 1, 10, 0, 0, 0, time.UTC)),
		Start: contracts.InstantOf(start), Zone: zone(t, zoneName), Summary: "Nocturne", Location: "Theatre, Vienna", Description: "Row 3, seat 8", URL: "https://example.org/orders/e1",
	}
}

// read parses a file with a library, and its lines by hand for what the library does not check.
func read(t testing.TB, file string) *ics.VEvent {
	t.Helper()
	if !utf8.ValidString(file) {
		t.Fatalf("no UTF-8: %q", file)
	}
	for _, line := range strings.Split(strings.TrimSuffix(file, "\r\n"), "\r\n") {
		if len(line) > 75 || line == "" || strings.ContainsAny(line, "\r\n") {
			t.Fatalf("a line has %d bytes: %q", len(line), line)
		}
	}
	calendar, err := ics.ParseCalendar(strings.NewReader(file))
	if err != nil {
		t.Fatalf("%v:\n%s", err, file)
	}
	if events := calendar.Events(); len(events) != 1 {
		t.Fatalf("%d events:\n%s", len(events), file)
	}
	return calendar.Events()[0]
}

func value(e *ics.VEvent, p ics.ComponentProperty) string {
	if found := e.GetProperty(p); found != nil {
		return found.Value
	}
	return ""
}

// resolve computes the instant of a local time by the VTIMEZONE of the file alone, as a calendar does that does not know the zone.
func resolve(t testing.TB, file, wall string) time.Time {
	t.Helper()
	at, err := time.Parse("20060102T150405", wall)
	if err != nil {
		t.Fatal(err)
	}
	var onset, best, resolved time.Time
	found := false
	var from, to int
	for _, line := range strings.Split(file, "\r\n") {
		name, v, _ := strings.Cut(line, ":")
		switch name {
		case "DTSTART":
			onset, _ = time.Parse("20060102T150405", v)
		case "TZOFFSETFROM":
			from = seconds(t, v)
		case "TZOFFSETTO":
			to = seconds(t, v)
		case "END":
			if v != "STANDARD" && v != "DAYLIGHT" {
				continue
			}
			// The observance with the last onset that is not after the time; an onset is in the local time before it. A time in
			// the gap of a spring is read with the offset before.
			if !onset.After(at) && (!found || onset.After(best)) {
				best, found = onset, true
				offset := to
				if at.Sub(onset) < time.Duration(to-from)*time.Second {
					offset = from
				}
				resolved = at.Add(-time.Duration(offset) * time.Second)
			}
		}
	}
	if !found {
		t.Fatalf("no observance covers %s:\n%s", wall, file)
	}
	return resolved
}

func seconds(t testing.TB, offset string) int {
	t.Helper()
	n := 0
	for i, unit := range []int{3600, 60, 1} {
		if 1+2*i < len(offset) {
			n += int(offset[1+2*i]-'0')*10*unit + int(offset[2+2*i]-'0')*unit
		}
	}
	if offset[0] == '-' {
		return -n
	}
	return n
}

// Whenever a concert begins, on the days of changed clocks too, its file says that instant, with the wall clock of the venue, by
// its own VTIMEZONE and without any knowledge of zones.
func TestStartsNearChangesOfClocks(t *testing.T) {
	for _, c := range []struct{ zone, start, wall string }{
		{"Europe/Vienna", "2030-09-14T18:00:00Z", "20300914T200000"},
		{"Europe/Vienna", "2030-03-30T23:59:59Z", "20300331T005959"}, // the day on which clocks go forward
		{"Europe/Vienna", "2030-03-31T00:59:59Z", "20300331T015959"}, // the last second before
		{"Europe/Vienna", "2030-03-31T01:00:00Z", "20300331T030000"}, // the first after
		{"Europe/Vienna", "2030-10-26T23:30:00Z", "20301027T013000"}, // the day on which clocks go back
		{"Europe/Vienna", "2030-10-27T00:30:00Z", ""},                // 02:30 for the first time: only UTC can say so
		{"Europe/Vienna", "2030-10-27T01:30:00Z", ""},                // 02:30 for the second time
		{"Europe/Vienna", "2030-10-27T01:59:59Z", ""},
		{"Europe/Vienna", "2030-10-27T02:00:00Z", "20301027T030000"},
		{"America/New_York", "2030-03-10T06:59:59Z", "20300310T015959"},
		{"America/New_York", "2030-03-10T07:00:00Z", "20300310T030000"},
		{"America/New_York", "2030-11-03T06:30:00Z", ""},
		{"Australia/Lord_Howe", "2030-04-06T14:29:59Z", "20300407T012959"}, // half an hour of change
		{"Australia/Lord_Howe", "2030-04-06T14:45:00Z", ""},
		{"Australia/Lord_Howe", "2030-04-06T15:15:00Z", ""},
		{"Asia/Tokyo", "2030-07-01T10:00:00Z", "20300701T190000"},
		{"Asia/Kathmandu", "2030-07-01T10:00:00Z", "20300701T154500"},
		{"America/Sao_Paulo", "2030-01-01T02:00:00Z", "20291231T230000"},
		{"Europe/Dublin", "2030-12-24T20:00:00Z", "20301224T200000"},
		{"UTC", "2030-12-24T20:00:00Z", "20301224T200000"},
	} {
		start, err := time.Parse(time.RFC3339, c.start)
		if err != nil {
			t.Fatal(err)
		}
		file := event(t, c.zone, start).Encode()
		e := read(t, file)
		property := e.GetProperty(ics.ComponentPropertyDtStart)
		if c.wall == "" {
			if property.Value != start.Format("20060102T150405Z") || len(property.ICalParameters) != 0 || strings.Contains(file, "VTIMEZONE") {
				t.Errorf("%s %s: DTSTART is %v %s", c.zone, c.start, property.ICalParameters, property.Value)
			}
			continue
		}
		if property.Value != c.wall || len(property.ICalParameters["TZID"]) != 1 || property.ICalParameters["TZID"][0] != c.zone {
			t.Errorf("%s %s: DTSTART is %v %s", c.zone, c.start, property.ICalParameters, property.Value)
			continue
		}
		if got, err := e.GetStartAt(); err != nil || !got.Equal(start) {
			t.Errorf("%s %s: the library reads %s, %v", c.zone, c.start, got, err)
		}
		if got := resolve(t, file, c.wall); !got.Equal(start) {
			t.Errorf("%s %s: the VTIMEZONE says %s:\n%s", c.zone, c.start, got, file)
		}
	}
}

func TestAnyStartInAnyZone(t *testing.T) {
	zones := []string{"Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran", "Africa/Casablanca", "Pacific/Chatham", "America/St_Johns", "Europe/London", "Asia/Kolkata"}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(rt, "zone")
		start := time.Unix(rapid.Int64Range(1_700_000_000, 2_100_000_000).Draw(rt, "start"), 0)
		file := event(t, name, start).Encode()
		property := read(t, file).GetProperty(ics.ComponentPropertyDtStart)
		if strings.HasSuffix(property.Value, "Z") {
			if property.Value != start.UTC().Format("20060102T150405Z") {
				rt.Fatalf("%s: %s", name, property.Value)
			}
			return
		}
		if got := resolve(t, file, property.Value); !got.Equal(start) {
			rt.Fatalf("%s: %s is read as %s:\n%s", name, start.UTC(), got.UTC(), file)
		}
	})
}

// Whatever a title has in it, it is one value and comes back whole; what could end a line does not.
func TestTexts(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Nocturne", "Nocturne"},
		{`back\slash, comma; semicolon: colon "quotes"`, `back\slash, comma; semicolon: colon "quotes"`},
		{"two\nlines\r\nand\rmore", "two\nlines\nand\nmore"},
		{"<script>alert(1)</script>", "<script>alert(1)</script>"},
		{"bell\x07 and \x00null", "bell and null"},
		{strings.Repeat("München grüßt Ångström, ", 20), strings.Repeat("München grüßt Ångström, ", 20)},
		{strings.Repeat("夜想曲", 60), strings.Repeat("夜想曲", 60)},
		{strings.Repeat("🎻", 50), strings.Repeat("🎻", 50)},
		{"موسيقى الليل", "موسيقى الليل"},
		{`\n is no line`, `\n is no line`},
		{"END:VEVENT\r\nEND:VCALENDAR", "END:VEVENT\nEND:VCALENDAR"},
	} {
		e := event(t, "Europe/Vienna", time.Date(2030, 9, 14, 18, 0, 0, 0, time.UTC))
		e.Summary, e.Location, e.Description = c.in, c.in, c.in
		got := read(t, e.Encode())
		for _, p := range []ics.ComponentProperty{ics.ComponentPropertySummary, ics.ComponentPropertyLocation, ics.ComponentPropertyDescription} {
			if v := value(got, p); v != c.want {
				t.Errorf("%s of %q is read as %q", p, c.in, v)
			}
		}
	}
	e := event(t, "Europe/Vienna", time.Date(2030, 9, 14, 18, 0, 0, 0, time.UTC))
	e.URL = "https://example.org/\r\nX-INJECTED:1"
	if file := e.Encode(); strings.Contains(file, "\nX-INJECTED") {
		t.Errorf("an address ends its line:\n%s", file)
	}
}

// A calendar takes a later version for the same event, and a cancellation too.
func TestVersions(t *testing.T) {
	row, concert := readmodel.Order{OrderID: "e1", Version: 5}, readmodel.Concert{}
	was := icalendar.SequenceOf(row, concert)
	row.Version++
	now := icalendar.SequenceOf(row, concert)
	concert.CancelledAt = 1
	cancelled := icalendar.SequenceOf(row, concert)
	row.Version++
	if later := icalendar.SequenceOf(row, concert); was >= now || now >= cancelled || cancelled >= later {
		t.Errorf("numbers are %d, %d, cancelled %d, then %d", was, now, cancelled, later)
	}
	e := event(t, "Europe/Vienna", time.Date(2030, 9, 14, 18, 0, 0, 0, time.UTC))
	first := read(t, e.Encode())
	if value(first, ics.ComponentPropertyStatus) != "CONFIRMED" || value(first, ics.ComponentPropertySequence) != "4" {
		t.Errorf("status %s, sequence %s", value(first, ics.ComponentPropertyStatus), value(first, ics.ComponentPropertySequence))
	}
	e.Cancelled, e.Sequence = true, 5
	second := read(t, e.Encode())
	if value(second, ics.ComponentPropertyStatus) != "CANCELLED" || value(second, ics.ComponentPropertySequence) != "5" || first.Id() != second.Id() || first.Id() == "" {
		t.Errorf("status %s, sequence %s, UID %s and %s", value(second, ics.ComponentPropertyStatus), value(second, ics.ComponentPropertySequence), first.Id(), second.Id())
	}
	if icalendar.UIDOf("e1") == icalendar.UIDOf("e2") {
		t.Error("two orders have one UID")
	}
	if a, b := e.Encode(), e.Encode(); a != b {
		t.Error("the same event makes two files")
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("Nocturne", "Vienna; Theatre, 1", "a\nb")
	f.Add("\xff\xfe", "😀", strings.Repeat("ü", 200))
	start := time.Date(2030, 9, 14, 18, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, summary, location, description string) {
		e := event(t, "Europe/Vienna", start)
		e.Summary, e.Location, e.Description = summary, location, description
		read(t, e.Encode())
	})
}
