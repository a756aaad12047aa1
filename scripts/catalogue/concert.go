package catalogue

import (
	"time"
	// The time zones must also be known on a machine without a zone database.
	_ "time/tzdata"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

type concertsFile struct {
	Concerts []concert `json:"concerts"`
}

// concert is a concert in the data file. Times have the offset that the venue's zone has on that day.
type concert struct {
	ID          string    `json:"id"`
	Title       string    `json:"title"`
	Artist      string    `json:"artist"`
	Genre       string    `json:"genre"`
	City        string    `json:"city"`
	Venue       string    `json:"venue"`
	Description string    `json:"description"`
	TimeZone    string    `json:"timeZone"`
	StartsAt    time.Time `json:"startsAt"`
	OnSaleAt    time.Time `json:"onSaleAt"`
	OffSaleAt   time.Time `json:"offSaleAt"`
	// DoorsAt is optional.
	DoorsAt       *time.Time `json:"doorsAt"`
	LimitPerOrder int        `json:"limitPerOrder"`
	// LimitPerBuyer is optional; without it the default applies.
	LimitPerBuyer *int             `json:"limitPerBuyer"`
	Layout        string           `json:"layout"`
	LayoutVersion int              `json:"layoutVersion"`
	Currency      string           `json:"currency"`
	Prices        map[string]int64 `json:"prices"`
	Rules         rules            `json:"rules"`
	Poster        poster           `json:"poster"`
	// Cancelled: a load cancels the concert, for good.
	Cancelled bool `json:"cancelled"`
}

func (f concertsFile) validate(halls map[string]hall) error {
	var p problems
	p.checkf(len(f.Concerts) > 0, "there is no concert")
	seen := map[string]bool{}
	for _, c := range f.Concerts {
		p.checkf(!seen[c.ID], "concert %s is there twice", c.ID)
		seen[c.ID] = true
		c.validate(&p)
		h, known := halls[c.Layout]
		p.checkf(known, "concert %s: layout %q is unknown", c.ID, c.Layout)
		if known {
			c.validatePrices(&p, h)
		}
	}
	return p.err()
}

func (c concert) validate(p *problems) {
	// The group name is any valid one: only the concert's half of the key is checked here.
	if err := (contracts.SeatGroup{ConcertID: c.ID, Group: "g"}).Validate(); err != nil {
		p.checkf(false, "concert %s: %w", c.ID, err)
	}
	c.validateTexts(p)
	p.checkf(c.LimitPerOrder >= 1 && c.LimitPerOrder <= message.MaxSeatsPerOrder,
		"concert %s: limitPerOrder is %d, want 1 to %d", c.ID, c.LimitPerOrder, message.MaxSeatsPerOrder)
	// With a lower limit, an order of limitPerOrder seats could never be held.
	p.checkf(c.limitPerBuyer() >= c.LimitPerOrder && c.limitPerBuyer() <= readmodel.MaxLimitPerBuyer,
		"concert %s: limitPerBuyer is %d, want limitPerOrder to %d, or left out", c.ID, c.limitPerBuyer(), readmodel.MaxLimitPerBuyer)
	p.checkf(c.LayoutVersion >= 1, "concert %s: layoutVersion is %d, want at least 1", c.ID, c.LayoutVersion)
	c.validateTimes(p)
	c.validateExtras(p)
}

// limitPerBuyer returns the limit that is stored.
func (c concert) limitPerBuyer() int {
	if c.LimitPerBuyer == nil {
		return readmodel.DefaultLimitPerBuyer(c.LimitPerOrder)
	}
	return *c.LimitPerBuyer
}

func (c concert) validateTimes(p *problems) {
	p.checkf(c.OnSaleAt.Before(c.OffSaleAt), "concert %s: onSaleAt is not before offSaleAt", c.ID)
	p.checkf(!c.OffSaleAt.After(c.StartsAt), "concert %s: offSaleAt is after startsAt", c.ID)
	// LoadLocation accepts "Local" and "", but they mean this machine's zone or UTC and not the venue's.
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil || c.TimeZone == "" || c.TimeZone == "Local" {
		p.checkf(false, "concert %s: timeZone %q is no IANA zone", c.ID, c.TimeZone)
		return
	}
	for member, at := range c.times() {
		_, written := at.Zone()
		_, actual := at.In(zone).Zone()
		p.checkf(written == actual, "concert %s: %s has offset %s, but %s has %s on that day", c.ID, member,
			at.Format("-07:00"), c.TimeZone, at.In(zone).Format("-07:00"))
	}
}

func (c concert) validatePrices(p *problems, h hall) {
	_, known := contracts.CurrencyOf(c.Currency)
	p.checkf(known, "concert %s: currency %q is no ISO 4217 code that cards can be charged in", c.ID, c.Currency)
	tiers := map[string]bool{}
	for _, t := range h.Tiers {
		tiers[t.ID] = true
		price, priced := c.Prices[t.ID]
		p.checkf(priced, "concert %s: tier %s has no price", c.ID, t.ID)
		if !priced || !known {
			continue
		}
		// Stripe must be able to charge every order that the concert allows. Otherwise a buyer would hold seats and could not pay.
		if err := (contracts.Money{Minor: price, Currency: c.Currency}).CheckPrice(c.LimitPerOrder); err != nil {
			p.checkf(false, "concert %s: tier %s costs %d %s, for 1 to %d seats: %w", c.ID, t.ID, price, c.Currency, c.LimitPerOrder, err)
		}
	}
	for id := range c.Prices {
		p.checkf(tiers[id], "concert %s: price of unknown tier %q", c.ID, id)
	}
}
