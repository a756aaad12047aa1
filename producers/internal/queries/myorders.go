package queries

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
)

// OrdersOf reads the orders of a buyer. It is safe for concurrent use.
type OrdersOf interface {
	// OrdersOf returns the rows of at most limit of the buyer's orders, the newest first, beginning after the given key; a key
	// without an order is before all. more says that there are others after them. The rows are read consistently; an order that
	// was stored within the last second may be missing. It blocks until then or until ctx ends.
	OrdersOf(ctx context.Context, userID string, after readmodel.OrderKey, limit int) (rows []readmodel.Order, more bool, err error)
}

// MyOrders answers GET /api/me/orders. It is safe for concurrent use.
type MyOrders struct {
	Orders OrdersOf
	Owners Owners
	// Concerts has the concerts' summaries, and Seatings says where the seats of tickets are. An order is shown without what
	// cannot be read.
	Concerts Catalogue
	Seatings Seatings
	// Jitter spreads the waits that clients are sent.
	Jitter pace.Source
	Log    *slog.Logger
	Now    func() time.Time
}

type ordersView struct {
	Orders     []orderview.Order `json:"orders"`
	NextCursor string            `json:"nextCursor,omitempty"`
}

// orderCursor is the last order of a page.
type orderCursor struct {
	AcceptedAt contracts.Instant `json:"a"`
	OrderID    contracts.OrderID `json:"i"`
}

// Handle implements httpapi.Handler. A cursor is bound to the buyer: its list has his id, and its order must be his.
func (h MyOrders) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	user, err := r.RequireUser()
	if err != nil {
		return httpapi.Response{}, err
	}
	asked, err := httpapi.PageOf[orderCursor](r, "orders of "+user)
	if err != nil {
		return httpapi.Response{}, err
	}
	after := asked.After
	if after.OrderID != "" || after.AcceptedAt != 0 {
		// Its order is proved to be the buyer's by the tag in its id.
		if _, ok := h.Owners.Verify(user, string(after.OrderID)); !ok || after.AcceptedAt <= 0 {
			return httpapi.Response{}, httpapi.InvalidCursor()
		}
	}
	rows, more, err := h.Orders.OrdersOf(ctx, user, readmodel.OrderKey{UserID: user, AcceptedAt: after.AcceptedAt, OrderID: after.OrderID}, asked.Limit)
	if err != nil {
		h.warn(ctx, "orders of a buyer not read", err)
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeUnavailable, "Your orders cannot be read right now.").
			After(pace.Ms(pace.Queued(pace.Lag{}, h.Jitter)))
	}
	view := ordersView{Orders: []orderview.Order{}}
	headers := httpapi.Headers{}
	if n := len(rows); more && n > 0 {
		view.NextCursor = asked.Encode(orderCursor{AcceptedAt: rows[n-1].AcceptedAt, OrderID: rows[n-1].OrderID})
	}
	concerts, layouts := h.concerts(ctx, rows), h.layouts(ctx, rows)
	next, now := 0, contracts.InstantOf(h.Now())
	for _, row := range rows {
		if row.UserID != user {
			continue
		}
		v := orderview.Of(row, orderview.With{Layout: layouts[refOf(row)]})
		if c, known := concerts[row.ConcertID]; known {
			v.Concert = &c
		}
		if !row.Status.Settled() {
			ms := pace.Ms(pace.Row(row.Status, unchanged(row, now), h.Jitter))
			v.PollAfterMs = &ms
			if next == 0 || ms < next {
				next = ms
				headers["Retry-After"] = httpapi.RetryAfter(ms)
			}
		}
		view.Orders = append(view.Orders, v)
	}
	return httpapi.JSON(http.StatusOK, view, headers), nil
}

func refOf(row readmodel.Order) layoutitem.Ref {
	return layoutitem.Ref{ConcertID: row.ConcertID, Version: row.LayoutVersion}
}

// concerts returns the summaries of the concerts of rows, which the catalogue keeps for some seconds. A concert that cannot be read
// is missing.
func (h MyOrders) concerts(ctx context.Context, rows []readmodel.Order) map[string]orderview.Concert {
	summaries, tried := map[string]orderview.Concert{}, map[string]bool{}
	for _, row := range rows {
		if tried[row.ConcertID] {
			continue
		}
		tried[row.ConcertID] = true
		c, found, err := h.Concerts.Concert(ctx, row.ConcertID)
		switch {
		case err != nil:
			h.warn(ctx, "concert of an order not read", err)
		case found:
			summaries[row.ConcertID] = orderview.ConcertOf(c)
		}
	}
	return summaries
}

// layoutsAtOnce bounds the layouts that one request reads at the same time.
const layoutsAtOnce = 8

// layouts returns the layouts of the rows with tickets. A layout that cannot be read is missing.
func (h MyOrders) layouts(ctx context.Context, rows []readmodel.Order) map[layoutitem.Ref][]readmodel.LayoutGroup {
	layouts := map[layoutitem.Ref][]readmodel.LayoutGroup{}
	var wanted []readmodel.Order
	for _, row := range rows {
		if _, seen := layouts[refOf(row)]; row.Status == contracts.Confirmed && !seen {
			layouts[refOf(row)] = nil
			wanted = append(wanted, row)
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	free := make(chan struct{}, layoutsAtOnce)
	for _, row := range wanted {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			groups, err := groupsOf(ctx, h.Seatings, row)
			if err != nil {
				h.warn(ctx, "layout of tickets not read", err)
			}
			mu.Lock()
			defer mu.Unlock()
			layouts[refOf(row)] = groups
		})
	}
	all.Wait()
	return layouts
}

func (h MyOrders) warn(ctx context.Context, what string, err error) {
	h.Log.WarnContext(ctx, what, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}
