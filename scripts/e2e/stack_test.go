package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"boxoffice/contracts"
	"boxoffice/contracts/openapi"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/localtokens"
)

// stack is the running stack that the tests speak to.
type stack struct {
	api, concert, ordersTable string
	holdFor                   time.Duration
	key                       localtokens.Key
	dynamo                    *dynamodb.Client
	contract                  validator.Validator
	http                      *http.Client
	layout                    apiclient.Layout

	mu sync.Mutex
	// next is the first place of each group that no test has taken yet.
	next map[string]int
}

// decideWithin bounds how long a test waits for a decision. A killed handler of another test may stall a group for
// the visibility timeout.
const decideWithin = 45 * time.Second

var openStack = sync.OnceValues(connect)

// theStack is the stack of the environment, or the end of the test with the reason.
func theStack(t *testing.T) *stack {
	t.Helper()
	if os.Getenv("API_BASE_URL") == "" {
		t.Skip("no stack in the environment (API_BASE_URL is not set): run make e2e")
	}
	s, err := openStack()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect() (*stack, error) {
	s := &stack{next: map[string]int{}, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	for name, into := range map[string]*string{"API_BASE_URL": &s.api, "CONCERT_ID": &s.concert, "ORDERS_TABLE": &s.ordersTable} {
		if *into = os.Getenv(name); *into == "" {
			return nil, fmt.Errorf("%s is not set; make env prints it", name)
		}
	}
	seconds, err := strconv.Atoi(os.Getenv("HOLD_SECONDS"))
	if err != nil {
		return nil, fmt.Errorf("HOLD_SECONDS: %w", err)
	}
	s.holdFor = time.Duration(seconds) * time.Second
	pem, err := os.ReadFile(os.Getenv("STACK_SIGNING_KEY"))
	if err != nil {
		return nil, fmt.Errorf("STACK_SIGNING_KEY: %w", err)
	}
	if s.key, err = localtokens.ParseKey(pem); err != nil {
		return nil, err
	}
	ctx := context.Background()
	config, err := awsclient.Load(ctx)
	if err != nil {
		return nil, err
	}
	s.dynamo = dynamodb.NewFromConfig(config)
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		return nil, err
	}
	contract, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	s.contract = contract
	anyone := &apiclient.Client{Base: s.api, HTTP: s.http}
	return s, anyone.Get(ctx, "/concerts/"+s.concert+"/layout", &s.layout)
}

// userNamed makes a user id that no other test and no earlier run has.
func userNamed(name string) string { return name + "-" + rand.Text()[:10] }

// as is a client signed in as the user; every answer that it gets is held to the contract.
func (s *stack) as(t *testing.T, user string) *apiclient.Client {
	t.Helper()
	token, err := s.key.Sign(localtokens.ClaimsOf(s.api, user, time.Now(), localtokens.TTL))
	if err != nil {
		t.Fatal(err)
	}
	return s.with(t, token)
}

// with is a client with this token, "" for none.
func (s *stack) with(t *testing.T, token string) *apiclient.Client {
	return &apiclient.Client{Base: s.api, Token: token, HTTP: s.http, Seen: func(request *http.Request, response *http.Response, body []byte) {
		again := *response
		again.Body = io.NopCloser(bytes.NewReader(body))
		ok, problems := s.contract.ValidateHttpResponse(request, &again)
		if ok {
			return
		}
		for _, p := range problems {
			if p.ValidationType == "path" {
				continue // a route outside the contract; its test looks at the answer itself
			}
			t.Errorf("%s %s answers %d outside the contract: %s: %s\n%.500s", request.Method, request.URL.Path, response.StatusCode, p.Message, p.Reason, body)
			for _, e := range p.SchemaValidationErrors {
				t.Errorf("  %s: %s", e.FieldPath, e.Reason)
			}
		}
	}}
}

// seats takes n neighbouring seats of one group that no other test has.
func (s *stack) seats(t *testing.T, n int) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.layout.Groups {
		from := s.next[g.Group]
		if from+n <= len(g.Seats) {
			s.next[g.Group] = from + n
			return g.Seats[from : from+n]
		}
	}
	t.Fatal("the concert has no seats left that no test has taken")
	return nil
}

// group is the group of a seat, with the seat's place.
func (s *stack) group(t *testing.T, seat string) (apiclient.Group, int) {
	t.Helper()
	for _, g := range s.layout.Groups {
		for place, name := range g.Seats {
			if name == seat {
				return g, place
			}
		}
	}
	t.Fatalf("no group has seat %s", seat)
	return apiclient.Group{}, 0
}

// place sends an order and wants it accepted.
func (s *stack) place(t *testing.T, c *apiclient.Client, key string, seats ...string) apiclient.Accepted {
	t.Helper()
	answer, err := c.Place(t.Context(), key, apiclient.OrderRequest{ConcertID: s.concert, Seats: seats})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != http.StatusAccepted {
		t.Fatalf("POST /orders %v: %d %+v", seats, answer.Status, answer.Problem())
	}
	var accepted apiclient.Accepted
	if err := answer.Decode(&accepted); err != nil {
		t.Fatal(err)
	}
	if want := "/api/orders/" + accepted.OrderID; answer.Header.Get("Location") != want {
		t.Errorf("Location is %q, want %q", answer.Header.Get("Location"), want)
	}
	return accepted
}

// decided waits until an order has left the queue.
func (s *stack) decided(t *testing.T, c *apiclient.Client, id string) apiclient.Order {
	t.Helper()
	return s.waitFor(t, c, id, decideWithin, apiclient.Decided)
}

func (s *stack) waitFor(t *testing.T, c *apiclient.Client, id string, within time.Duration, done func(apiclient.Order) bool) apiclient.Order {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	o, err := c.WaitFor(ctx, id, done)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// eventually waits until a condition holds. why is asked for when it does not.
func eventually(t *testing.T, within time.Duration, condition func() (holds bool, why string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		holds, why := condition()
		if holds {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, why)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// row reads the stored row of an order.
func (s *stack) row(t *testing.T, id string) (readmodel.Order, bool) {
	t.Helper()
	out, err := s.dynamo.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(s.ordersTable), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: id}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var row readmodel.Order
	if err := attributevalue.UnmarshalMap(out.Item, &row); err != nil {
		t.Fatal(err)
	}
	return row, out.Item != nil
}

// rowsOf reads all rows of a user.
func (s *stack) rowsOf(t *testing.T, user string) []readmodel.Order {
	t.Helper()
	return s.rowsWhere(t, "userId = :value", user)
}

// rowsWhere reads all rows that a filter takes.
func (s *stack) rowsWhere(t *testing.T, filter, value string) []readmodel.Order {
	t.Helper()
	var rows []readmodel.Order
	pages := dynamodb.NewScanPaginator(s.dynamo, &dynamodb.ScanInput{
		TableName: aws.String(s.ordersTable), ConsistentRead: aws.Bool(true), FilterExpression: aws.String(filter),
		ExpressionAttributeValues: map[string]types.AttributeValue{":value": &types.AttributeValueMemberS{Value: value}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var some []readmodel.Order
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &some); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, some...)
	}
	return rows
}

// stateOf is how the public snapshot shows a seat.
func (s *stack) stateOf(t *testing.T, seat string) seatstate.State {
	t.Helper()
	g, place := s.group(t, seat)
	var now apiclient.Availability
	if err := s.with(t, "").Get(t.Context(), "/concerts/"+s.concert+"/availability", &now); err != nil {
		t.Fatal(err)
	}
	for _, shown := range now.Groups {
		if shown.Group == g.Group && shown.State == "ready" {
			return shown.Seats.At(place)
		}
	}
	t.Fatalf("group %s is not ready", g.Group)
	return 0
}

func statuses(o apiclient.Order) string {
	var names []string
	for _, e := range o.Timeline {
		names = append(names, string(e.Status))
	}
	return strings.Join(names, " ")
}

func wantStatus(t *testing.T, o apiclient.Order, want contracts.Status) {
	t.Helper()
	if o.Status != want {
		t.Fatalf("order %s is %s (%+v), want %s", o.OrderID, o.Status, o.Reason, want)
	}
}
