package main

import (
	"errors"
	"fmt"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/gate"
)

// maxAhead is how far the instant of a list may be ahead of this machine's clock.
const maxAhead = time.Minute

// currency keeps the data of a running gate current, and knows whether the gate may use it.
type currency struct {
	*checkCommand
	program *program
	watch   *gate.Watch
	data    gate.Data
	// warned is whether the list in use was said to be old.
	warned bool
}

// begin takes data into use. It says how old it is, and returns an error if a gate must not use it.
func (c *currency) begin(data gate.Data) error {
	c.data, c.warned = data, false
	now := contracts.InstantOf(c.program.now())
	c.program.note("the list of revoked codes is as of %s, %s ago", data.Revocations.At, now.Sub(data.Revocations.At).Round(time.Second))
	if old := now.Sub(data.FetchedAt); old > ticketcode.PublishedBefore {
		c.program.note("warning: the keys were fetched %s ago; after %s tickets may have a newer key: run gate fetch", old.Round(time.Minute), ticketcode.PublishedBefore)
	}
	if data.Concert.Status == "cancelled" {
		if !c.CancelledToo {
			return errors.New("the concert was cancelled, and its tickets admit nobody: use --cancelled-too to check them nevertheless")
		}
		c.program.note("warning: the concert was cancelled")
	}
	return c.age(now)
}

// renew takes data into use that was fetched since. If it cannot be loaded the gate goes on with what it has. Then it looks at the age
// of the list, which grows while the gate runs.
func (c *currency) renew(g *gate.Gate) error {
	data, changed, err := c.watch.Next()
	switch {
	case err != nil:
		c.program.note("warning: the data that was fetched since cannot be loaded, the gate goes on with what it has: %v", err)
	case changed:
		if err := c.begin(data); err != nil {
			return err
		}
		g.Use(data)
		return nil
	}
	return c.age(contracts.InstantOf(c.program.now()))
}

// age returns an error if the list is old, or of the future, and --old-list is refuse. Otherwise it warns, once for each list.
func (c *currency) age(now contracts.Instant) error {
	age := now.Sub(c.data.Revocations.At)
	switch refuse := c.OldList == "refuse"; {
	case age >= -maxAhead && age <= c.MaxAge:
		return nil
	case refuse && age < 0:
		return fmt.Errorf("the list of revoked codes is %s ahead of this machine's clock, so that its age is not known: set the clock, or use --old-list warn", (-age).Round(time.Second))
	case refuse:
		return fmt.Errorf("the list of revoked codes is %s old, over --max-age %s: run gate fetch, or use --old-list warn", age.Round(time.Minute), c.MaxAge)
	case c.warned:
	case age < 0:
		c.program.note("warning: the list is of the future: the clock of this machine is wrong, and so are the times of entries")
	default:
		c.program.note("warning: the list of revoked codes is old: a ticket that was returned since is admitted")
	}
	c.warned = true
	return nil
}
