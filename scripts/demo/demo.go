package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/alecthomas/kong"

	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/testbed"
)

// options are the command line.
type options struct {
	Timeout time.Duration `default:"2m" help:"How long the whole demo may take. An order that expires is shown if that takes at most half of it."`
}

// demo is one run. Each run has its own buyers, so that it can be repeated on a running stack.
type demo struct {
	*testbed.Bed
	options
	run string
	out io.Writer
}

// misused is the exit code for a mistake of the caller. It is kong's own.
const misused = 80

// run is the program. It returns the exit code: 0 done, 1 failed, misused.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var o options
	code := cli.Run("demo", &o, args, out, errOut, func(*kong.Context) error { return tour(ctx, o, out) },
		kong.Description("Buy seats on a running stack and show what happens to the orders. The stack is the one that the environment names (make env)."))
	if code == cli.Misused {
		return misused
	}
	return code
}

// tour connects to the stack and plays the demo.
func tour(ctx context.Context, o options, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	bed, err := testbed.OpenHere(ctx)
	if err != nil {
		return err
	}
	defer bed.Close() //nolint:errcheck // nothing is lost with it
	d := demo{Bed: bed, options: o, run: rand.Text()[:8], out: out}
	return d.play(ctx)
}

func (d demo) play(ctx context.Context) error {
	anyone, err := d.Buyer("")
	if err != nil {
		return err
	}
	var concert apiclient.Concert
	if err := anyone.Get(ctx, "/concerts/"+d.Concert, &concert); err != nil {
		return err
	}
	d.sayf("%s, %s, %s. Seats are held for %s here.", concert.Title, concert.Venue, concert.City, d.HoldFor)
	group, free, err := d.freeSeats(ctx)
	if err != nil {
		return err
	}
	d.sayf("")
	d.sayf("1. Anna orders two seats of group %s.", group)
	if err := d.oneOrder(ctx, free[:2]); err != nil {
		return err
	}
	d.sayf("")
	d.sayf("2. Ben and Cleo order the same two seats in the same instant.")
	if err := d.race(ctx, free[2:4]); err != nil {
		return err
	}
	d.sayf("")
	d.sayf("3. Dana holds two seats and cancels; Emil gets them at once.")
	if err := d.giveUp(ctx, free[4:6]); err != nil {
		return err
	}
	d.sayf("")
	d.sayf("4. Hana pays for two seats; her first card is declined.")
	if err := d.pay(ctx, free[6:8]); err != nil {
		return err
	}
	d.sayf("")
	d.sayf("5. Redis loses a hold, so that Ida and Jon are both offered one seat. Only its owner is charged.")
	if err := d.lostSeat(ctx, group, free[8:9]); err != nil {
		return err
	}
	d.sayf("")
	if d.HoldFor+freeWithin > d.Timeout/2 {
		d.sayf("6. An order that expires is not shown, since that takes over %s here (plain make demo has short holds; --timeout allows longer ones).", d.HoldFor)
		return nil
	}
	d.sayf("6. Fay holds two seats and does not pay; when the hold has ended, Gus gets them.")
	return d.runOut(ctx, free[9:11])
}

// buyer returns a client for a signed-in buyer of this run.
func (d demo) buyer(name string) (*apiclient.Client, error) { return d.Buyer(name + "-" + d.run) }

// oneOrder places an order and waits until it is HELD.
func (d demo) oneOrder(ctx context.Context, seats []string) error {
	anna, err := d.buyer("anna")
	if err != nil {
		return err
	}
	order, err := d.hold(ctx, anna, seats)
	if err != nil {
		return err
	}
	d.sayf("   %s cost %s and are held until %s.", join(order.Seats), money(*order.Amount), order.HoldExpiresAt)
	return nil
}

// hold places an order and shows its way to HELD. Any other status is an error.
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
	d.timeline(order)
	if !order.Status.Open() {
		return order, fmt.Errorf("the order is %s, not HELD", order.Status)
	}
	return order, nil
}
