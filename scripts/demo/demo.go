package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/localtokens"
)

type options struct {
	API        string        `name:"api" env:"API_BASE_URL" required:"" help:"Address of the API, with /api (make env)."`
	Concert    string        `env:"CONCERT_ID" required:"" help:"Concert to buy for (make env)."`
	SigningKey string        `env:"STACK_SIGNING_KEY" required:"" type:"existingfile" help:"Key that signs the local stack's tokens (make env)."`
	Timeout    time.Duration `default:"60s" help:"How long the whole demo may take."`
}

// demo is one run. Each run has buyers of its own, so that it can be repeated on a running stack.
type demo struct {
	options
	key localtokens.Key
	run string
	out io.Writer
}

func run(ctx context.Context, out io.Writer) error {
	var o options
	kong.Parse(&o, kong.Name("demo"), kong.Description("Buy seats on a running stack and show what happens to the orders."))
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	pem, err := os.ReadFile(o.SigningKey)
	if err != nil {
		return err
	}
	key, err := localtokens.ParseKey(pem)
	if err != nil {
		return err
	}
	d := demo{options: o, key: key, run: rand.Text()[:8], out: out}
	return d.play(ctx)
}

func (d demo) play(ctx context.Context) error {
	anyone, err := d.buyer("")
	if err != nil {
		return err
	}
	var concert apiclient.Concert
	if err := anyone.Get(ctx, "/concerts/"+d.Concert, &concert); err != nil {
		return err
	}
	d.sayf("%s, %s, %s", concert.Title, concert.Venue, concert.City)
	group, free, err := d.freeSeats(ctx, anyone)
	if err != nil {
		return err
	}
	d.sayf("")
	d.sayf("1. Anna asks for two seats of group %s.", group)
	if err := d.oneOrder(ctx, free[:2]); err != nil {
		return err
	}
	d.sayf("")
	d.sayf("2. Ben and Cleo ask for the same two seats in the same instant.")
	if err := d.race(ctx, free[2:4]); err != nil {
		return err
	}
	d.sayf("")
	d.sayf("3. Dana holds two seats and gives them up; Emil gets them at once.")
	return d.giveUp(ctx, free[4:6])
}

func (d demo) sayf(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

// buyer is a signed-in buyer of this run, or nobody.
func (d demo) buyer(name string) (*apiclient.Client, error) {
	c := &apiclient.Client{Base: d.API, HTTP: http.DefaultClient}
	if name == "" {
		return c, nil
	}
	var err error
	c.Token, err = d.key.Sign(localtokens.ClaimsOf(d.API, name+"-"+d.run, time.Now(), localtokens.TTL))
	return c, err
}

// freeSeats finds a group with six free seats.
func (d demo) freeSeats(ctx context.Context, c *apiclient.Client) (group string, seats []string, err error) {
	var layout apiclient.Layout
	var now apiclient.Availability
	err = errors.Join(c.Get(ctx, "/concerts/"+d.Concert+"/layout", &layout), c.Get(ctx, "/concerts/"+d.Concert+"/availability", &now))
	if err != nil {
		return "", nil, err
	}
	total, left := 0, 0
	for i, g := range layout.Groups {
		total += len(g.Seats)
		var free []string
		for place, seat := range g.Seats {
			if now.Groups[i].State == "ready" && now.Groups[i].Seats.At(place) == seatstate.Free {
				free = append(free, seat)
				left++
			}
		}
		if len(free) >= 6 && seats == nil {
			group, seats = g.Group, free[:6]
		}
	}
	d.sayf("%d of %d seats are free, in %d seat groups.", left, total, len(layout.Groups))
	if seats == nil {
		return "", nil, errors.New("no group has six free seats left: run make down and make demo again")
	}
	return group, seats, nil
}

// oneOrder places an order and follows it to HELD.
func (d demo) oneOrder(ctx context.Context, seats []string) error {
	anna, err := d.buyer("anna")
	if err != nil {
		return err
	}
	order, err := d.hold(ctx, anna, seats)
	if err != nil {
		return err
	}
	d.timeline(order)
	d.sayf("   %s costs %s and is held until %s.", join(order.Seats), money(*order.Amount), order.HoldExpiresAt)
	return nil
}

// hold places an order and wants it HELD.
func (d demo) hold(ctx context.Context, buyer *apiclient.Client, seats []string) (apiclient.Order, error) {
	started := time.Now()
	answer, err := buyer.Place(ctx, "demo-"+d.run, apiclient.OrderRequest{ConcertID: d.Concert, Seats: seats})
	if err != nil {
		return apiclient.Order{}, err
	}
	if answer.Status != http.StatusAccepted {
		return apiclient.Order{}, fmt.Errorf("POST /api/orders: %d %+v", answer.Status, answer.Problem())
	}
	var accepted apiclient.Accepted
	if err := answer.Decode(&accepted); err != nil {
		return apiclient.Order{}, err
	}
	d.sayf("   POST /api/orders %v\n   202 after %s: order %s is %s", seats, since(started), accepted.OrderID, accepted.Status)
	order, err := buyer.WaitFor(ctx, accepted.OrderID, apiclient.Decided)
	if err != nil {
		return apiclient.Order{}, err
	}
	d.sayf("   GET /api/orders/%s after %s:", accepted.OrderID, since(started))
	if order.Status != contracts.Held {
		return order, fmt.Errorf("the order is %s, not HELD", order.Status)
	}
	return order, nil
}

// giveUp cancels a held order; another buyer has its seats as soon as it is CANCELLED.
func (d demo) giveUp(ctx context.Context, seats []string) error {
	dana, err := d.buyer("dana")
	if err != nil {
		return err
	}
	emil, err := d.buyer("emil")
	if err != nil {
		return err
	}
	held, err := d.hold(ctx, dana, seats)
	if err != nil {
		return err
	}
	answer, err := dana.Do(ctx, http.MethodDelete, "/orders/"+held.OrderID, nil, nil)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusAccepted {
		return fmt.Errorf("DELETE /api/orders/%s: %d %+v", held.OrderID, answer.Status, answer.Problem())
	}
	over, err := dana.WaitFor(ctx, held.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	d.sayf("   DELETE /api/orders/%s: 202, and then:", held.OrderID)
	d.timeline(over)
	if over.Status != contracts.Cancelled {
		return fmt.Errorf("the order is %s, not CANCELLED", over.Status)
	}
	next, err := d.hold(ctx, emil, seats)
	if err != nil {
		return err
	}
	d.timeline(next)
	return nil
}

// race lets two buyers ask for the same seats at once: one gets them, the other is told why not.
func (d demo) race(ctx context.Context, seats []string) error {
	type result struct {
		name   string
		answer apiclient.Answer
		order  apiclient.Order
		err    error
	}
	gate, results := make(chan struct{}), make(chan result, 2)
	for _, name := range []string{"ben", "cleo"} {
		buyer, err := d.buyer(name)
		if err != nil {
			return err
		}
		go func() {
			<-gate
			r := result{name: name}
			r.answer, r.err = buyer.Place(ctx, "race-"+d.run, apiclient.OrderRequest{ConcertID: d.Concert, Seats: seats})
			var accepted apiclient.Accepted
			if r.err == nil && r.answer.Status == http.StatusAccepted {
				if r.err = r.answer.Decode(&accepted); r.err == nil {
					r.order, r.err = buyer.WaitFor(ctx, accepted.OrderID, apiclient.Decided)
				}
			}
			results <- r
		}()
	}
	close(gate)
	held, refused := 0, 0
	for range 2 {
		r := <-results
		switch {
		case r.err != nil:
			return fmt.Errorf("%s: %w", r.name, r.err)
		case r.answer.Status == http.StatusConflict:
			d.sayf("   %s is refused at once: 409 %s %v", r.name, r.answer.Problem().Code, r.answer.Problem().Seats)
			refused++
		case r.answer.Status != http.StatusAccepted:
			return fmt.Errorf("%s: %d %+v", r.name, r.answer.Status, r.answer.Problem())
		default:
			d.sayf("   %s was answered 202; the order:", r.name)
			d.timeline(r.order)
			if r.order.Status == contracts.Held {
				held++
			} else if r.order.Reason != nil && r.order.Reason.Code == contracts.ReasonSeatTaken {
				d.sayf("   %s: %s", r.name, r.order.Reason.Detail)
				refused++
			}
		}
	}
	if held != 1 || refused != 1 {
		return fmt.Errorf("%d orders are held and %d refused, want one each", held, refused)
	}
	d.sayf("   One has the seats, the other a reason.")
	return nil
}

func (d demo) timeline(o apiclient.Order) {
	for _, e := range o.Timeline {
		at := ""
		if e.At != nil {
			at = e.At.String()
		}
		reason := ""
		if e.Status == contracts.Rejected && o.Reason != nil {
			reason = " (" + string(o.Reason.Code) + ")"
		}
		d.sayf("     %-24s %s%s  %s", at, e.Status, reason, e.Cause)
	}
	if o.HoldExpiresAt != nil {
		d.sayf("     %-24s hold ends", o.HoldExpiresAt)
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

func money(m contracts.Money) string {
	return fmt.Sprintf("%d.%02d %s", m.Minor/100, m.Minor%100, m.Currency)
}

func join(seats []string) string {
	seats = slices.Sorted(slices.Values(seats))
	if len(seats) == 1 {
		return seats[0]
	}
	return fmt.Sprintf("%d seats (%s to %s)", len(seats), seats[0], seats[len(seats)-1])
}
