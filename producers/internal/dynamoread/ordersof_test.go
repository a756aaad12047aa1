package dynamoread_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/dynamoread"
)

// script replies to each request with the next of its bodies, and keeps the requests.
type script struct {
	bodies []string
	asked  []map[string]any
}

// Do implements aws.HTTPClient.
func (s *script) Do(r *http.Request) (*http.Response, error) {
	asked := map[string]any{"operation": strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	s.asked = append(s.asked, asked)
	body := s.bodies[min(len(s.asked), len(s.bodies))-1]
	return &http.Response{
		StatusCode: http.StatusOK, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Crc32": {strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10)}},
	}, nil
}

func scripted(bodies ...string) (*dynamoread.Reader, *script) {
	s := &script{bodies: bodies}
	client := dynamodb.NewFromConfig(aws.Config{Region: "eu-central-1", HTTPClient: s, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), RetryMaxAttempts: 1})
	return dynamoread.New(client, dynamoread.Tables{Orders: "orders", Concerts: "concerts", Layouts: "layouts", Allowances: "allowances", Overview: "overview", DeadLetters: "deadletters"}), s
}

func keyItem(n int) string {
	return fmt.Sprintf(`{"userId":{"S":"anna"},"acceptedAt":{"N":"%d"},"orderId":{"S":"e%d"}}`, 100-n, n)
}

func rowItem(n int) string {
	return fmt.Sprintf(`{"orderId":{"S":"e%d"},"userId":{"S":"anna"},"acceptedAt":{"N":"%d"},"version":{"N":"2"}}`, n, 100-n)
}

func ids(rows []readmodel.Order) (ids []string) {
	for _, row := range rows {
		ids = append(ids, string(row.OrderID))
	}
	return ids
}

// The index gives the keys and their order, one more than a page. The rows are read by their keys, consistently; those that one
// call leaves out are asked for again.
func TestOrdersOfABuyer(t *testing.T) {
	r, s := scripted(
		`{"Items":[`+keyItem(1)+`,`+keyItem(2)+`,`+keyItem(3)+`]}`,
		`{"Responses":{"orders":[`+rowItem(2)+`]},"UnprocessedKeys":{"orders":{"Keys":[{"orderId":{"S":"e1"}}]}}}`,
		`{"Responses":{"orders":[`+rowItem(1)+`]}}`,
	)
	rows, more, err := r.OrdersOf(t.Context(), "anna", readmodel.OrderKey{UserID: "anna", AcceptedAt: 100, OrderID: "e0"}, 2)
	if err != nil || !more || !slices.Equal(ids(rows), []string{"e1", "e2"}) || len(s.asked) != 3 {
		t.Fatalf("got %v, %t, %v after %d calls", ids(rows), more, err, len(s.asked))
	}
	query := s.asked[0]
	for member, want := range map[string]any{
		"operation": "Query", "TableName": "orders", "IndexName": "buyer", "ScanIndexForward": false, "Limit": 3.0,
		"KeyConditionExpression":    "userId = :user",
		"ExpressionAttributeValues": map[string]any{":user": map[string]any{"S": "anna"}},
		"ExclusiveStartKey": map[string]any{
			"userId": map[string]any{"S": "anna"}, "acceptedAt": map[string]any{"N": "100"}, "orderId": map[string]any{"S": "e0"},
		},
	} {
		if !reflect.DeepEqual(query[member], want) {
			t.Errorf("%s is %v, want %v", member, query[member], want)
		}
	}
	for i, keys := range [][]any{{"e1", "e2"}, {"e1"}} {
		asked := s.asked[i+1]["RequestItems"].(map[string]any)["orders"].(map[string]any)
		var got []any
		for _, key := range asked["Keys"].([]any) {
			got = append(got, key.(map[string]any)["orderId"].(map[string]any)["S"])
		}
		if asked["ConsistentRead"] != true || !slices.Equal(got, keys) {
			t.Errorf("read %d: asked %v, want %v consistently", i, asked, keys)
		}
	}
}

func TestLastPageOfABuyersOrders(t *testing.T) {
	r, s := scripted(`{"Items":[`+keyItem(1)+`]}`, `{"Responses":{"orders":[`+rowItem(1)+`]}}`)
	rows, more, err := r.OrdersOf(t.Context(), "anna", readmodel.OrderKey{UserID: "anna"}, 1)
	if err != nil || more || !slices.Equal(ids(rows), []string{"e1"}) || s.asked[0]["ExclusiveStartKey"] != nil {
		t.Errorf("got %v, %t, %v; asked %v", ids(rows), more, err, s.asked[0])
	}
	r, s = scripted(`{"Items":[]}`)
	if rows, more, err := r.OrdersOf(t.Context(), "anna", readmodel.OrderKey{}, 20); err != nil || more || len(rows) != 0 || len(s.asked) != 1 {
		t.Errorf("without orders: %v, %t, %v after %d calls", rows, more, err, len(s.asked))
	}
}

// A page that cannot be read whole is an error: an order that was left out would look as if it did not exist.
func TestOrdersThatAreLeftOutAreAnError(t *testing.T) {
	r, s := scripted(`{"Items":[`+keyItem(1)+`]}`, `{"Responses":{"orders":[]},"UnprocessedKeys":{"orders":{"Keys":[{"orderId":{"S":"e1"}}]}}}`)
	if rows, _, err := r.OrdersOf(t.Context(), "anna", readmodel.OrderKey{}, 20); err == nil || len(s.asked) != 5 {
		t.Errorf("got %v after %d calls", ids(rows), len(s.asked))
	}
}
