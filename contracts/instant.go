package contracts

import (
	"fmt"
	"time"
)

// Instant is a point in time in Unix milliseconds. In JSON it is RFC 3339 in UTC with milliseconds; in DynamoDB and
// Redis it is the number. The zero Instant means "not set".
type Instant int64

const instantLayout = "2006-01-02T15:04:05.000Z"

// InstantOf truncates t to milliseconds.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli()) }

// Time returns the instant as a time in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// Add returns the instant moved by d, which is truncated to milliseconds.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d.Milliseconds()) }

// Sub returns the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Millisecond }

// String returns RFC 3339 in UTC with milliseconds.
func (i Instant) String() string { return i.Time().Format(instantLayout) }

// maxYear is the last year that RFC 3339 can write. The first is 0.
const maxYear = 9999

// MarshalText implements encoding.TextMarshaler. An instant outside the years of RFC 3339 is an error.
func (i Instant) MarshalText() ([]byte, error) {
	if year := i.Time().Year(); year < 0 || year > maxYear {
		return nil, fmt.Errorf("instant %d is in year %d, outside RFC 3339", int64(i), year)
	}
	return []byte(i.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. It accepts RFC 3339 with any offset and precision and truncates to
// milliseconds. An offset can move a time at the edge out of the years of RFC 3339 in UTC; that is an error, so that
// MarshalText can write every instant that was read.
func (i *Instant) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return fmt.Errorf("instant is not RFC 3339: %q", text)
	}
	if year := t.UTC().Year(); year < 0 || year > maxYear {
		return fmt.Errorf("instant is in year %d of UTC, outside RFC 3339: %q", year, text)
	}
	*i = InstantOf(t)
	return nil
}
