package queries

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
)

// Catalogue has concerts, some seconds old at most. Its methods may block for a read, until ctx ends, and are safe for concurrent
// use. found is false if there is no such concert; an error means that it is not known. Concerts are ordered by start and id, and
// must not be changed.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error)
	Concerts(ctx context.Context) ([]readmodel.Concert, error)
}

// Concerts answers the routes of the catalogue, except availability.
type Concerts struct {
	Catalogue Catalogue
	Plans     Plans
	Log       *slog.Logger
	Now       func() time.Time
}

// ordersURL is where the home Region of a concert takes orders; with one Region it is this API.
const ordersURL = "/api/orders"

type concertView struct {
	ID            string              `json:"id"`
	Title         string              `json:"title"`
	Artist        string              `json:"artist"`
	Genre         string              `json:"genre"`
	City          string              `json:"city"`
	Venue         string              `json:"venue"`
	TimeZone      string              `json:"timeZone"`
	StartsAt      contracts.Instant   `json:"startsAt"`
	OnSaleAt      contracts.Instant   `json:"onSaleAt"`
	OffSaleAt     contracts.Instant   `json:"offSaleAt"`
	Status        readmodel.SaleState `json:"status"`
	PriceFrom     contracts.Money     `json:"priceFrom"`
	LayoutVersion int                 `json:"layoutVersion"`
}

type concertDetailView struct {
	concertView
	Description   string `json:"description"`
	LimitPerOrder int    `json:"limitPerOrder"`
	LimitPerBuyer int    `json:"limitPerBuyer"`
	// Rules are the rules of POST /api/orders that a page explains before a buyer meets them.
	Rules     rulesView `json:"rules"`
	OrdersURL string    `json:"ordersUrl"`
}

type rulesView struct {
	// NoSingleSeat says that no order may leave a single seat until the last hour of the sale.
	NoSingleSeat bool `json:"noSingleSeat"`
	// AccessibleReleaseAt is omitted if accessible places are reserved to the end of the sale.
	AccessibleReleaseAt *contracts.Instant `json:"accessibleReleaseAt,omitempty"`
}

func rulesOf(c readmodel.Concert) rulesView {
	rules := rulesView{NoSingleSeat: c.NoSingleSeat}
	if c.AccessibleReleaseAt != 0 {
		rules.AccessibleReleaseAt = &c.AccessibleReleaseAt
	}
	return rules
}

func viewOfConcert(c readmodel.Concert, now contracts.Instant) concertView {
	return concertView{
		ID: c.ConcertID, Title: c.Title, Artist: c.Artist, Genre: c.Genre, City: c.City, Venue: c.Venue, TimeZone: c.TimeZone,
		StartsAt: c.StartsAt, OnSaleAt: c.OnSaleAt, OffSaleAt: c.OffSaleAt, Status: c.Sale(now), PriceFrom: c.PriceFrom, LayoutVersion: c.LayoutVersion,
	}
}

// catalogueAge bounds how long a browser or edge may keep a catalogue answer in which no status is about to change.
const catalogueAge = 10 * time.Second

// ageBeforeMark is catalogueAge of a concert whose sale waits for the mark of its layout.
const ageBeforeMark = time.Second

// cached lets an answer about concerts be kept for catalogueAge, but never past the next change of a status in it: an answer from
// before the sale must not make an open sale look closed. A sale that waits for the mark of its layout has no known instant of
// opening, so it is kept for ageBeforeMark.
func cached(now contracts.Instant, concerts ...readmodel.Concert) httpapi.Headers {
	age := catalogueAge
	for _, c := range concerts {
		if c.AwaitsMark(now) {
			age = min(age, ageBeforeMark)
		}
		for _, at := range []contracts.Instant{c.OnSaleAt, c.OffSaleAt} {
			if at > now {
				age = min(age, at.Sub(now))
			}
		}
	}
	// Whole seconds, rounded down: at the end of the last one the status differs.
	return httpapi.Headers{"Cache-Control": "public, max-age=" + strconv.FormatInt(int64(age/time.Second), 10)}
}

// Detail answers GET /api/concerts/{concertId}.
func (h Concerts) Detail(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	concert, err := h.concert(ctx, r)
	if err != nil {
		return httpapi.Response{}, err
	}
	now := contracts.InstantOf(h.Now())
	return httpapi.JSON(http.StatusOK, concertDetailView{
		concertView: viewOfConcert(concert, now),
		Description: concert.Description, LimitPerOrder: concert.LimitPerOrder, LimitPerBuyer: concert.BuyerLimit(), Rules: rulesOf(concert),
		OrdersURL: ordersURL,
	}, cached(now, concert)), nil
}

// Layout answers GET /api/concerts/{concertId}/layout. With ?version= the answer is immutable and may be kept for good, for every
// version up to the frozen one: none of them ever changes, and tickets of an older one may be shown for years.
func (h Concerts) Layout(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	concert, err := h.concert(ctx, r)
	if err != nil {
		return httpapi.Response{}, err
	}
	query, err := r.Query("version")
	if err != nil {
		return httpapi.Response{}, err
	}
	version, headers := concert.LayoutVersion, cached(contracts.InstantOf(h.Now()), concert)
	notFound := httpapi.NewProblem(httpapi.CodeLayoutNotFound, "This concert has no such layout.")
	asked, named := query["version"]
	if named {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || strconv.Itoa(n) != asked {
			return httpapi.Response{}, notFound
		}
		version = n
	}
	frozen := version <= concert.LayoutFrozen
	if named && frozen {
		headers = httpapi.Headers{"Cache-Control": "public, max-age=31536000, immutable"}
	}
	// A version that is higher than the concert's is read as well: the concert in memory may be some seconds old.
	plan, found, err := h.Plans.Plan(ctx, concert.ConcertID, version, frozen)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "layout not read", err)
	}
	if !found {
		return httpapi.Response{}, notFound
	}
	return httpapi.Encoded(http.StatusOK, plan.body, headers), nil
}

func (h Concerts) concert(ctx context.Context, r httpapi.Request) (readmodel.Concert, error) {
	concert, found, err := h.Catalogue.Concert(ctx, r.PathParameters["concertId"])
	if err != nil {
		return readmodel.Concert{}, h.unavailable(ctx, "concert not read", err)
	}
	if !found {
		return readmodel.Concert{}, httpapi.NewProblem(httpapi.CodeConcertNotFound, "There is no such concert.")
	}
	return concert, nil
}

func (h Concerts) warn(ctx context.Context, what string, err error) {
	h.Log.WarnContext(ctx, what, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

func (h Concerts) unavailable(ctx context.Context, what string, err error) error {
	h.warn(ctx, what, err)
	return httpapi.NewProblem(httpapi.CodeUnavailable, "The catalogue cannot be read right now.")
}
