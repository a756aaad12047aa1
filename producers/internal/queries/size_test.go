package queries_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/geometry"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

// fullHouse is a concert in a large hall whose seats are all in Redis, each in a random state.
type fullHouse struct {
	concerts
	page  layoutitem.Page
	body  []byte
	shown []seatstate.Snapshot
}

func (h *fullHouse) LayoutItem(context.Context, string, bool) ([]byte, bool, error) {
	return h.body, true, nil
}

func (h *fullHouse) Maps(context.Context, []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	return h.shown, nil
}

// arena reads the sample's arena of 22,692 seats. If there are to be more, it is half as large again in each direction, with rows
// of up to 37 seats, which makes groups of up to 296, and has galleries behind it until there are at least so many seats.
func arena(t testing.TB, least int) *fullHouse {
	t.Helper()
	read := func(name string, into any) {
		content, err := os.ReadFile("../../../scripts/catalogue/data/" + name)
		if err == nil {
			err = json.Unmarshal(content, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	type section struct {
		Section, Letter string
		Accessible      []string
		Bands           []struct {
			Group, Tier string
			Rows        []int
			Area        *struct{ Places int }
		}
	}
	var hall struct {
		Tiers    []readmodel.Tier
		Sections []section
	}
	var plan geometry.Plan
	read("arena.json", &hall)
	read("geometry/arena.json", &plan)
	h := &fullHouse{concerts: concerts{"c": {ConcertID: "c", LayoutVersion: 1, LayoutFrozen: 1, OffSaleAt: 1 << 50}}}
	for i, tier := range hall.Tiers {
		tier.Price = contracts.Money{Minor: int64(4000 + 1500*i), Currency: "EUR"}
		h.page.Tiers = append(h.page.Tiers, tier)
	}
	seats, larger := 0, least > 22_692
	if larger {
		for name, shape := range plan.Groups {
			plan.Groups[name] = enlarged(shape)
		}
	}
	add := func(s section) {
		row := 0
		for i, b := range s.Bands {
			g := readmodel.LayoutGroup{Group: b.Group, Section: s.Section, Kind: readmodel.KindSeats, Tier: b.Tier, Shape: plan.Groups[b.Group]}
			rows, form := b.Rows, "%[1]s-%[2]d-%[3]d"
			if b.Area != nil {
				g.Kind, rows, form, row = readmodel.KindArea, []int{b.Area.Places}, "%[1]s-%[2]d-%04[3]d", i
			}
			for _, n := range rows {
				row++
				if larger && b.Area == nil {
					n = min(n*3/2, 37)
				}
				r := readmodel.LayoutRow{Name: fmt.Sprint(row)}
				for k := range n {
					r.Seats = append(r.Seats, fmt.Sprintf(form, s.Letter, row, k+1))
				}
				g.Rows, g.Seats = append(g.Rows, r), append(g.Seats, r.Seats...)
			}
			if i == 0 {
				g.Accessible = s.Accessible
			}
			seats += len(g.Seats)
			h.page.Groups = append(h.page.Groups, g)
		}
	}
	for _, s := range hall.Sections {
		add(s)
	}
	// A gallery has the sections of the upper ring again, farther out.
	for n := 1; seats < least; n++ {
		for _, s := range hall.Sections {
			if !strings.HasPrefix(s.Section, "upper-") || seats >= least {
				continue
			}
			gallery, _ := json.Marshal(s)
			moved := section{}
			text := strings.NewReplacer(`"upper-`, fmt.Sprintf(`"gallery%d-`, n), `"U`, fmt.Sprintf(`"V%d`, n), `gallery`+fmt.Sprint(n)+`-front"`, `upper-front"`).Replace(string(gallery))
			if err := json.Unmarshal([]byte(text), &moved); err != nil {
				t.Fatal(err)
			}
			for i := range moved.Bands {
				moved.Bands[i].Tier = s.Bands[i].Tier
				shape := plan.Groups[s.Bands[i].Group]
				arc, wedge, rows := *shape.Rows.Arc, *shape.Outline.Wedge, *shape.Rows
				arc[2], wedge[0], wedge[1] = arc[2]+25*float64(n), wedge[0]+25*float64(n), wedge[1]+25*float64(n)
				rows.Arc = &arc
				plan.Groups[moved.Bands[i].Group] = geometry.Shape{Rows: &rows, Outline: geometry.Outline{Wedge: &wedge}}
			}
			plate := plan.Sections[s.Section]
			plate.Name = strings.Replace(plate.Name, "U", fmt.Sprintf("V%d-", n), 1)
			plan.Sections[moved.Section] = plate
			add(moved)
		}
	}
	h.page.Geometry = &plan.Geometry
	var err error
	if h.body, err = layoutitem.EncodePage(h.page); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not a secret
	for _, g := range h.page.Groups {
		m := seatstate.NewSeatMap(len(g.Seats))
		for place := range g.Seats {
			m.Set(place, []seatstate.State{seatstate.Free, seatstate.Held, seatstate.Sold}[random.IntN(3)])
		}
		h.shown = append(h.shown, seatstate.Snapshot{Loaded: true, Revision: seatstate.Revision{Epoch: 1 + random.Int64N(9), Rev: random.Int64N(9999), LayoutVersion: 1}, Map: m})
	}
	return h
}

// enlarged returns a shape that is half as large again, with rows as near to each other as before.
func enlarged(s geometry.Shape) geometry.Shape {
	larger := func(numbers []float64) {
		for i := range numbers {
			numbers[i] = math.Round(numbers[i]*150) / 100
		}
	}
	for _, polygon := range s.Outline.Polys {
		for i := range polygon {
			larger(polygon[i][:])
		}
	}
	if s.Outline.Wedge != nil {
		larger(s.Outline.Wedge[:2])
	}
	if s.Rows != nil && s.Rows.Arc != nil {
		larger(s.Rows.Arc[:3])
	}
	return s
}

func (h *fullHouse) seats() (n int) {
	for _, g := range h.page.Groups {
		n += len(g.Seats)
	}
	return n
}

func (h *fullHouse) router(now func() time.Time) *httpapi.Router {
	log := slog.New(slog.DiscardHandler)
	c := queries.Concerts{Catalogue: h.concerts, Plans: queries.NewPlans(h, now), Log: log, Now: now}
	return httpapi.NewRouter(map[string]httpapi.Handler{layoutRoute: c.Layout, availabilityRoute: queries.NewAvailability(c, h).Handle}, log, now)
}

func request(route string) events.APIGatewayV2HTTPRequest {
	return events.APIGatewayV2HTTPRequest{RouteKey: route, PathParameters: map[string]string{"concertId": "c"}}
}

func gzipped(t testing.TB, text string) int {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// The answers of a large hall agree with the contract and are small enough for a phone.
func TestLargeHallsHaveSmallAnswers(t *testing.T) {
	contract := contracttest.New(t)
	for _, least := range []int{22_692, 50_000} {
		h := arena(t, least)
		router := h.router(time.Now)
		for _, c := range []struct {
			route, path string
			most        int
		}{{layoutRoute, "/api/concerts/c/layout", 12 << 10}, {availabilityRoute, "/api/concerts/c/availability", 15 << 10}} {
			response, err := router.Handle(t.Context(), request(c.route))
			if err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %s, %v", c.path, response.StatusCode, response.Body, err)
			}
			if problems := contract.Problems(t, http.MethodGet, c.path, response); problems != "" {
				t.Errorf("%s: %.2000s", c.path, problems)
			}
			size := gzipped(t, response.Body)
			t.Logf("%s of %d seats in %d groups: %d bytes, %d with gzip; the item has %d", c.path, h.seats(), len(h.page.Groups), len(response.Body), size, len(h.body))
			if size > c.most {
				t.Errorf("%s of %d seats: %d bytes with gzip, want at most %d", c.path, h.seats(), size, c.most)
			}
		}
	}
}

// BenchmarkAvailability measures answers that the process keeps, and those for which it reads the seats and encodes them.
func BenchmarkAvailability(b *testing.B) {
	for _, least := range []int{22_692, 50_000} {
		h := arena(b, least)
		for name, step := range map[string]time.Duration{"kept": 0, "made": time.Second} {
			b.Run(fmt.Sprint(h.seats(), " seats, ", name), func(b *testing.B) {
				now := time.UnixMilli(1_790_000_000_000)
				router := h.router(func() time.Time { return now })
				for b.Loop() {
					now = now.Add(step)
					if response, err := router.Handle(b.Context(), request(availabilityRoute)); err != nil || response.StatusCode != http.StatusOK {
						b.Fatal(response, err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
			})
		}
	}
}
