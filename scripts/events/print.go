package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"boxoffice/contracts/event"
)

// printer prints events.
type printer struct {
	out io.Writer
	// json prints the events as the bus delivers them.
	json bool
	// order is the only order whose events are printed; "" prints all.
	order string
}

// print prints an event as the bus delivers it. It refuses one that contracts/event does not allow.
func (p printer) print(body string) error {
	var e struct {
		DetailType string          `json:"detail-type"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return fmt.Errorf("what the bus delivers is no event: %w", err)
	}
	o, err := event.Decode(e.Detail)
	if err != nil {
		return err
	}
	if p.order != "" && string(o.OrderID) != p.order {
		return nil
	}
	line := strings.TrimSpace(body)
	if !p.json {
		line = pretty(e.DetailType, o)
	}
	_, err = fmt.Fprintln(p.out, line)
	return err
}

// pretty returns an event as a line for people.
func pretty(detailType string, o event.OrderChanged) string {
	line := fmt.Sprintf("%s  %-20s %s v%-3d %s#%s", o.At.Time().Format("15:04:05.000"), detailType, o.OrderID, o.Version, o.ConcertID, o.Group)
	if len(o.Seats) > 0 {
		line += "  " + strings.Join(o.Seats, ",")
	}
	if o.Amount != nil {
		line += fmt.Sprintf("  %d %s", o.Amount.Minor, o.Amount.Currency)
	}
	if o.Reason != nil {
		line += "  " + string(o.Reason.Code)
	}
	return line
}
