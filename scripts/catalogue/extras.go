package catalogue

import (
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// rules are the rules of a concert's orders. All are optional.
type rules struct {
	NoSingleSeat bool `json:"noSingleSeat"`
	// AccessibleReleaseAt is when ordinary orders may get accessible places; without it, never.
	AccessibleReleaseAt *time.Time `json:"accessibleReleaseAt"`
	// RefundUntil is until when tickets can be returned; without it they cannot.
	RefundUntil *time.Time `json:"refundUntil"`
}

// poster is how the poster of a concert is drawn.
type poster struct {
	// Tone is optional; without it the concert's id chooses.
	Tone *int `json:"tone"`
}

// maxDoors bounds the time between the doors and the start. More is a wrong date.
const maxDoors = 24 * time.Hour

// times returns the times of a concert by their place in the file.
func (c concert) times() map[string]time.Time {
	times := map[string]time.Time{"startsAt": c.StartsAt, "onSaleAt": c.OnSaleAt, "offSaleAt": c.OffSaleAt}
	for member, at := range map[string]*time.Time{
		"doorsAt": c.DoorsAt, "rules.accessibleReleaseAt": c.Rules.AccessibleReleaseAt, "rules.refundUntil": c.Rules.RefundUntil,
	} {
		if at != nil {
			times[member] = *at
		}
	}
	return times
}

// validateExtras checks the optional members.
func (c concert) validateExtras(p *problems) {
	if c.DoorsAt != nil {
		before := c.StartsAt.Sub(*c.DoorsAt)
		p.checkf(before >= 0 && before <= maxDoors, "concert %s: doorsAt is %s before startsAt, want 0 to %s", c.ID, before, maxDoors)
	}
	if at := c.Rules.AccessibleReleaseAt; at != nil {
		p.checkf(!at.Before(c.OnSaleAt) && at.Before(c.OffSaleAt), "concert %s: rules.accessibleReleaseAt is not within the sale", c.ID)
	}
	if at := c.Rules.RefundUntil; at != nil {
		p.checkf(at.After(c.OnSaleAt) && !at.After(c.StartsAt), "concert %s: rules.refundUntil is not between onSaleAt and startsAt", c.ID)
	}
	if tone := c.Poster.Tone; tone != nil {
		p.checkf(*tone >= 0 && *tone <= readmodel.MaxPosterTone, "concert %s: poster.tone is %d, want 0 to %d", c.ID, *tone, readmodel.MaxPosterTone)
	}
}

// instant returns 0 for a time that is left out.
func instant(at *time.Time) contracts.Instant {
	if at == nil {
		return 0
	}
	return contracts.InstantOf(*at)
}
