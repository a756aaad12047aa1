package dynamoread_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/dynamoread"
)

// table replaces the HTTP client and replies as DynamoDB would with these pages, one per call. The test covers what the SDK makes
// of requests and replies, and not what a server would do.
type table struct {
	pages [][]string
	// asked has the requests.
	asked []map[string]any
}

// Do implements aws.HTTPClient.
func (t *table) Do(r *http.Request) (*http.Response, error) {
	asked := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	t.asked = append(t.asked, asked)
	answer := map[string]any{}
	if at := len(t.asked) - 1; at < len(t.pages) {
		var items []json.RawMessage
		for _, item := range t.pages[at] {
			items = append(items, json.RawMessage(item))
		}
		answer["Items"] = items
		if len(items) > 0 {
			answer["Item"] = items[0]
		}
		if at+1 < len(t.pages) {
			answer["LastEvaluatedKey"] = map[string]any{"key": map[string]any{"S": strconv.Itoa(at)}}
		}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(string(body))),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Crc32": {strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)}},
	}, nil
}

func reader(pages ...[]string) (*dynamoread.Reader, *table) {
	t := &table{pages: pages}
	client := dynamodb.NewFromConfig(aws.Config{Region: "eu-central-1", HTTPClient: t, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")})
	return dynamoread.New(client, dynamoread.Tables{Orders: "orders", Concerts: "concerts", Layouts: "layouts", Allowances: "allowances", Overview: "overview"}), t
}

const id = contracts.OrderID("e1000000000000000000000000000000")

// What a buyer is shown never goes backwards. The list of concerts may be some seconds old in any case.
func TestReadsAreConsistent(t *testing.T) {
	for name, read := range map[string]func(*dynamoread.Reader) error{
		"an order":  func(r *dynamoread.Reader) error { _, _, err := r.Order(t.Context(), id); return err },
		"a concert": func(r *dynamoread.Reader) error { _, _, err := r.Concert(t.Context(), "nocturne"); return err },
		"a layout item, if it is wanted so": func(r *dynamoread.Reader) error {
			_, _, err := r.LayoutItem(t.Context(), "nocturne#1#seats", true)
			return err
		},
	} {
		r, table := reader()
		if err := read(r); err != nil || len(table.asked) != 1 || table.asked[0]["ConsistentRead"] != true {
			t.Errorf("%s: asked %v, %v", name, table.asked, err)
		}
	}
}

// An item of a layout is one read, by its key alone, and costs half if it need not be consistent.
func TestLayoutItemIsOneRead(t *testing.T) {
	r, table := reader([]string{`{"layoutItem":{"S":"nocturne#1#seats"},"body":{"B":"AXg="}}`})
	body, found, err := r.LayoutItem(t.Context(), "nocturne#1#seats", false)
	if err != nil || !found || string(body) != "\x01x" || len(table.asked) != 1 {
		t.Fatalf("%q, %t, %v in %d calls", body, found, err, len(table.asked))
	}
	asked := table.asked[0]
	if asked["ConsistentRead"] != false || asked["TableName"] != "layouts" || fmt.Sprint(asked["Key"]) != fmt.Sprint(map[string]any{"layoutItem": map[string]any{"S": "nocturne#1#seats"}}) {
		t.Errorf("asked %v", asked)
	}
	r, _ = reader()
	if _, found, err := r.LayoutItem(t.Context(), "nocturne#1#seats", false); found || err != nil {
		t.Errorf("none: %t, %v", found, err)
	}
}

// The free seats are one read, at half the cost of a consistent one. As long as nobody has counted them there are none.
func TestSalesIsOneRead(t *testing.T) {
	r, table := reader([]string{`{"item":{"S":"sales"},"at":{"N":"1900000000123"},"concerts":{"M":{"c":{"M":{"free":{"N":"5"},"total":{"N":"7"}}}}}}`})
	sales, found, err := r.Sales(t.Context())
	if err != nil || !found || sales.At != 1_900_000_000_123 || len(sales.Concerts) != 1 || sales.Concerts["c"] != (readmodel.SeatCount{Free: 5, Total: 7}) {
		t.Errorf("%+v, %t, %v", sales, found, err)
	}
	asked := table.asked[0]
	if len(table.asked) != 1 || asked["ConsistentRead"] != false || asked["TableName"] != "overview" || fmt.Sprint(asked["Key"]) != fmt.Sprint(map[string]any{"item": map[string]any{"S": "sales"}}) {
		t.Errorf("asked %v", table.asked)
	}
	r, _ = reader()
	if _, found, err := r.Sales(t.Context()); found || err != nil {
		t.Errorf("none: %t, %v", found, err)
	}
}

func TestEveryPageIsRead(t *testing.T) {
	pages := func(item string) [][]string {
		return [][]string{{fmt.Sprintf(item, "a"), fmt.Sprintf(item, "b")}, {}, {fmt.Sprintf(item, "c")}}
	}
	for name, c := range map[string]struct {
		item string
		read func(*dynamoread.Reader) (int, error)
	}{
		"concerts": {`{"concertId":{"S":%q}}`, func(r *dynamoread.Reader) (int, error) {
			concerts, err := r.Concerts(t.Context())
			return len(concerts), err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r, table := reader(pages(c.item)...)
			n, err := c.read(r)
			if n != 3 || err != nil || len(table.asked) != 3 {
				t.Fatalf("%d items of 3 in %d calls, %v", n, len(table.asked), err)
			}
			for i, asked := range table.asked {
				from, _ := asked["ExclusiveStartKey"].(map[string]any)
				if want := i > 0; (from != nil) != want || want && fmt.Sprint(from["key"]) != fmt.Sprint(map[string]any{"S": strconv.Itoa(i - 1)}) {
					t.Errorf("call %d begins at %v", i+1, from)
				}
			}
		})
	}
}

// A row may be missing, or have no user: of an order whose message could not be read. Then the tag of its id says whose it is.
func TestRowWithoutUserIsRead(t *testing.T) {
	r, _ := reader()
	if _, found, err := r.Order(t.Context(), id); found || err != nil {
		t.Errorf("no item: found %v, %v", found, err)
	}
	r, _ = reader([]string{`{"orderId":{"S":"` + string(id) + `"},"status":{"S":"REJECTED"},"version":{"N":"1"}}`})
	row, found, err := r.Order(t.Context(), id)
	if err != nil || !found || row.UserID != "" || !row.OwnedBy("anna") || row.Status != contracts.Rejected {
		t.Errorf("got %+v, %v, %v", row, found, err)
	}
}
