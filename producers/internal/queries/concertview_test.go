package queries_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/contracttest"
)

// full has every member that a concert may have.
func full(id string) readmodel.Concert {
	tone, euro := 0, func(minor int64) contracts.Money { return contracts.Money{Minor: minor, Currency: "EUR"} }
	return readmodel.Concert{
		ConcertID: id, Title: "Nocturne", Artist: "Quartett", Genre: "classical", City: "Vienna", Venue: "Theater am Ring", Description: "Four strings.",
		TimeZone: "Europe/Vienna", StartsAt: 1_900_000_000_123, DoorsAt: 1_899_996_400_000, OnSaleAt: 1_700_000_000_000, OffSaleAt: 1_899_999_000_000,
		PriceFrom: euro(4500), LimitPerOrder: 6, LayoutVersion: 1, LayoutFrozen: 1, NoSingleSeat: true,
		Tiers:               []readmodel.Tier{{ID: "side", Name: "Side", Price: euro(7400)}, {ID: "box", Name: "Box", Price: euro(9800)}, {ID: "balcony", Name: "Balcony", Price: euro(4500)}},
		AccessibleReleaseAt: 1_899_900_000_000, RefundUntil: 1_899_800_000_000, PosterTone: &tone,
	}
}

// openFor is an instant at which full is on sale.
func openFor() time.Time { return time.UnixMilli(1_800_000_000_000) }

// Every member is shown, in the form of the contract; the dearest tier is first, and the tone 0 is a tone.
func TestConcertShowsEverythingThatItHas(t *testing.T) {
	contract := contracttest.New(t)
	get := browsing(openFor, map[string]readmodel.SeatCount{"c": {Free: 1441, Total: 1500}}, full("c"))
	const summary = `"id":"c","title":"Nocturne","artist":"Quartett","genre":"classical","city":"Vienna","venue":"Theater am Ring","timeZone":"Europe/Vienna",` +
		`"startsAt":"2030-03-17T17:46:40.123Z","doorsAt":"2030-03-17T16:46:40.000Z","onSaleAt":"2023-11-14T22:13:20.000Z","offSaleAt":"2030-03-17T17:30:00.000Z",` +
		`"status":"on_sale","priceFrom":{"minor":4500,"currency":"EUR"},"layoutVersion":1,"holdSeconds":300,"available":{"free":1425,"total":1500},"poster":{"tone":0}`
	for route, want := range map[string]string{
		listRoute: `{"concerts":[{` + summary + `}],"facets":{"city":[{"value":"Vienna","count":1}],"genre":[{"value":"classical","count":1}]},"at":"2020-09-13T12:26:40.000Z"}`,
		detailRoute: `{` + summary + `,"description":"Four strings.","tiers":[{"id":"box","name":"Box","price":{"minor":9800,"currency":"EUR"}},` +
			`{"id":"side","name":"Side","price":{"minor":7400,"currency":"EUR"}},{"id":"balcony","name":"Balcony","price":{"minor":4500,"currency":"EUR"}}],` +
			`"limitPerOrder":6,"limitPerBuyer":8,"rules":{"noSingleSeat":true,"accessibleReleaseAt":"2030-03-16T14:00:00.000Z","refundUntil":"2030-03-15T10:13:20.000Z"},` +
			`"ordersUrl":"/api/orders","at":"2020-09-13T12:26:40.000Z"}`,
	} {
		response := get(t, route, "", "c", nil)
		if response.StatusCode != http.StatusOK || response.Body != want {
			t.Errorf("%s: %d %s\nwant %s", route, response.StatusCode, response.Body, want)
		}
		if problems := contract.Problems(t, http.MethodGet, strings.Replace(strings.TrimPrefix(route, "GET "), "{concertId}", "c", 1), response); problems != "" {
			t.Errorf("%s: %s", route, problems)
		}
	}
}

// A member that a concert does not have is left out, and rules are always there.
func TestConcertLeavesOutWhatItDoesNotHave(t *testing.T) {
	contract := contracttest.New(t)
	bare := readmodel.Concert{ConcertID: "c", LimitPerOrder: 4, LayoutVersion: 1, PriceFrom: contracts.Money{Minor: 100, Currency: "EUR"}}
	response := browsing(openFor, nil, bare)(t, detailRoute, "", "c", nil)
	for _, member := range []string{"doorsAt", "available", "poster", "accessibleReleaseAt", "refundUntil"} {
		if strings.Contains(response.Body, member) {
			t.Errorf("%s is in %s", member, response.Body)
		}
	}
	if !strings.Contains(response.Body, `"rules":{"noSingleSeat":false},`) || !strings.Contains(response.Body, `"tiers":[],`) {
		t.Error(response.Body)
	}
	if problems := contract.Problems(t, http.MethodGet, "/api/concerts/c", response); problems != "" {
		t.Error(problems)
	}
}

// Free seats are shown while a concert is on sale and somebody has counted. A count that cannot be is not shown.
func TestFreeSeatsAreShownOnlyWhileTheyCanBeBought(t *testing.T) {
	soon, over, cancelled := full("soon"), full("over"), full("cancelled")
	soon.OnSaleAt, over.OffSaleAt, cancelled.CancelledAt = contracts.InstantOf(openFor())+1, contracts.InstantOf(openFor()), 1
	counted := readmodel.SeatCount{Free: 5, Total: 10}
	get := browsing(openFor, map[string]readmodel.SeatCount{
		"open": counted, "soon": counted, "over": counted, "cancelled": counted, "odd": {Free: 11, Total: 10}, "sold out": {Total: 10},
	}, full("open"), soon, over, cancelled, full("odd"), full("unknown"), full("sold out"))
	for id, want := range map[string]string{"open": `"available":{"free":5,"total":10}`, "sold out": `"available":{"free":0,"total":10}`} {
		if response := get(t, detailRoute, "", id, nil); !strings.Contains(response.Body, want) {
			t.Errorf("%s: %s", id, response.Body)
		}
	}
	for _, id := range []string{"soon", "over", "cancelled", "odd", "unknown"} {
		if response := get(t, detailRoute, "", id, nil); response.StatusCode != http.StatusOK || strings.Contains(response.Body, "available") {
			t.Errorf("%s: %s", id, response.Body)
		}
	}
}

// The tag is the version of an answer: the same concerts read at another time have the same tag, and a client that has it gets no
// body. Another status is another version.
func TestAnswerHasAVersion(t *testing.T) {
	now, read := openFor(), time.UnixMilli(1_600_000_000_000)
	l := &listing{concerts: []readmodel.Concert{full("c")}, at: read}
	get := l.api(func() time.Time { return now }, nil)
	for _, route := range []string{listRoute, detailRoute} {
		first := get(t, route, "", "c", nil)
		tag := first.Headers["ETag"]
		l.at = l.at.Add(time.Second)
		later := get(t, route, "", "c", nil)
		if !strings.HasPrefix(tag, `W/"`) || later.Headers["ETag"] != tag || later.Body == first.Body {
			t.Errorf("%s: tags %s and %s", route, tag, later.Headers["ETag"])
		}
		for _, header := range []string{tag, `"x", ` + tag, "*"} {
			same := get(t, route, "", "c", map[string]string{"if-none-match": header})
			if same.StatusCode != http.StatusNotModified || same.Body != "" || same.Headers["ETag"] != tag || same.Headers["Cache-Control"] == "" {
				t.Errorf("%s, %s: %d %v %s", route, header, same.StatusCode, same.Headers, same.Body)
			}
		}
		now = now.Add(20 * 365 * 24 * time.Hour)
		if over := get(t, route, "", "c", map[string]string{"if-none-match": tag}); over.StatusCode != http.StatusOK || over.Headers["ETag"] == tag {
			t.Errorf("%s: after the sale %d %v", route, over.StatusCode, over.Headers)
		}
		now = openFor()
	}
}

// A concert's address takes no parameters: one that is ignored would be kept by caches again and again.
func TestConcertTakesNoParameters(t *testing.T) {
	get := browsing(openFor, nil, full("c"))
	for _, query := range []string{"x=1", "version=1", "%zz", "a;b", "="} {
		if response := get(t, detailRoute, query, "c", nil); codeOf(t, response) != "invalid_filter" {
			t.Errorf("%s: %d %s", query, response.StatusCode, response.Body)
		}
	}
	for _, id := range []string{"x", "", "C", strings.Repeat("c", 1000), "c\x00", "🎸", "../c", "ليالي"} {
		if response := get(t, detailRoute, "", id, nil); codeOf(t, response) != "concert_not_found" {
			t.Errorf("%q: %d %s", id, response.StatusCode, response.Body)
		}
	}
}

// The limit per buyer that a concert shows is the one that holds, also if none is stored, and a cancelled concert says so.
func TestConcertShowsBuyerLimitAndCancellation(t *testing.T) {
	get := browsing(time.Now, nil,
		readmodel.Concert{ConcertID: "limited", LimitPerOrder: 4, LimitPerBuyer: 6}, readmodel.Concert{ConcertID: "default", LimitPerOrder: 4},
		readmodel.Concert{ConcertID: "large orders", LimitPerOrder: 12},
		readmodel.Concert{ConcertID: "cancelled", LimitPerOrder: 4, CancelledAt: 1, OffSaleAt: 4102444800000})
	for id, want := range map[string]struct {
		perOrder, perBuyer int
		status             string
	}{"limited": {4, 6, "over"}, "default": {4, 8, "over"}, "large orders": {12, 12, "over"}, "cancelled": {4, 8, "cancelled"}} {
		response := get(t, detailRoute, "", id, nil)
		var got struct {
			Status                       string
			LimitPerOrder, LimitPerBuyer int
		}
		if err := json.Unmarshal([]byte(response.Body), &got); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s, %v", id, response.StatusCode, response.Body, err)
		}
		if got.LimitPerBuyer != want.perBuyer || got.LimitPerOrder != want.perOrder || got.Status != want.status {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

// An answer is never kept past the instant at which it changes: a sale that opens looks open.
func TestAnswerIsNotKeptPastChangeOfStatus(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		on, off time.Duration // from now
		age     string
	}{
		"opens in an hour":    {time.Hour, 2 * time.Hour, "10"},
		"opens in 10 s":       {10 * time.Second, time.Hour, "10"},
		"opens in 3.9 s":      {3900 * time.Millisecond, time.Hour, "3"},
		"opens in 1 ms":       {time.Millisecond, time.Hour, "0"},
		"opens now":           {0, time.Hour, "10"},
		"ends in 5 s":         {-time.Hour, 5 * time.Second, "5"},
		"ended an hour ago":   {-2 * time.Hour, -time.Hour, "10"},
		"opens and ends soon": {4 * time.Second, 2 * time.Second, "2"},
	} {
		c := readmodel.Concert{
			ConcertID: "c", LayoutVersion: 1, LayoutFrozen: 1,
			OnSaleAt: contracts.InstantOf(now.Add(test.on)), OffSaleAt: contracts.InstantOf(now.Add(test.off)),
		}
		get := browsing(func() time.Time { return now }, nil, c)
		for _, route := range []string{listRoute, detailRoute} {
			if response := get(t, route, "", "c", nil); response.Headers["Cache-Control"] != "public, max-age="+test.age {
				t.Errorf("%s, %s: %q, want max-age %s", name, route, response.Headers["Cache-Control"], test.age)
			}
		}
	}
}
