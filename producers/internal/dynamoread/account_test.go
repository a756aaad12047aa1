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
	"boxoffice/producers/internal/dynamoread"
)

// batch replies to every request with one body, and keeps the requests.
type batch struct {
	status int
	body   string
	asked  []string
}

// Do implements aws.HTTPClient.
func (b *batch) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	b.asked = append(b.asked, r.Header.Get("X-Amz-Target")+" "+string(body))
	return &http.Response{
		StatusCode: b.status, ContentLength: int64(len(b.body)), Body: io.NopCloser(strings.NewReader(b.body)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Crc32": {strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(b.body))), 10)}},
	}, nil
}

func account(status int, body string) (*dynamoread.Reader, *batch) {
	b := &batch{status: status, body: body}
	client := dynamodb.NewFromConfig(aws.Config{
		Region: "eu-central-1", HTTPClient: b, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), RetryMaxAttempts: 1,
	})
	return dynamoread.New(client, dynamoread.Tables{Orders: "orders", Concerts: "concerts", Layouts: "layouts", Allowances: "allowances"}), b
}

// Row and allowance are read in one call, both consistently: an allowance of some seconds ago would refuse a buyer who has just
// returned seats.
func TestAccountIsOneConsistentRead(t *testing.T) {
	r, b := account(http.StatusOK, `{}`)
	if _, err := r.Account(t.Context(), id, "nocturne", "anna"); err != nil || len(b.asked) != 1 {
		t.Fatalf("asked %v, %v", b.asked, err)
	}
	operation, body, _ := strings.Cut(b.asked[0], " ")
	var asked struct {
		RequestItems map[string]struct {
			ConsistentRead bool
			Keys           []map[string]map[string]string
		}
	}
	if err := json.Unmarshal([]byte(body), &asked); err != nil || operation != "DynamoDB_20120810.BatchGetItem" || len(asked.RequestItems) != 2 {
		t.Fatalf("asked %s, %v", b.asked[0], err)
	}
	for table, want := range map[string]string{
		"orders":     fmt.Sprint([]map[string]map[string]string{{"orderId": {"S": string(id)}}}),
		"allowances": fmt.Sprint([]map[string]map[string]string{{"buyerConcert": {"S": "nocturne#anna"}}}),
	} {
		if got := asked.RequestItems[table]; !got.ConsistentRead || fmt.Sprint(got.Keys) != want {
			t.Errorf("%s: asked %+v, want %s", table, got, want)
		}
	}
}

// An item that was not processed is not the same as a missing one, and each of the two items may be either.
func TestAccountDistinguishesMissingFromUnknown(t *testing.T) {
	const (
		row       = `"orders":[{"orderId":{"S":"e1"},"status":{"S":"HELD"},"version":{"N":"3"},"requestHash":{"S":"h"}}]`
		allowance = `"allowances":[{"buyerConcert":{"S":"nocturne#anna"},"seats":{"N":"5"}}]`
		noRow     = `"orders":{"ConsistentRead":true,"Keys":[{"orderId":{"S":"e1"}}]}`
		noNumber  = `"allowances":{"ConsistentRead":true,"Keys":[{"buyerConcert":{"S":"nocturne#anna"}}]}`
	)
	for name, test := range map[string]struct {
		answered, unprocessed string
		row, unknown          bool
		counted               int // -1 for not known
	}{
		"both":                            {answered: row + "," + allowance, row: true, counted: 5},
		"an allowance of 0":               {answered: `"allowances":[{"buyerConcert":{"S":"nocturne#anna"},"seats":{"N":"0"}}]`, counted: 0},
		"neither exists":                  {counted: -1},
		"no row":                          {answered: allowance, counted: 5},
		"no allowance":                    {answered: row, row: true, counted: -1},
		"the row was not processed":       {answered: allowance, unprocessed: noRow, unknown: true, counted: 5},
		"the allowance was not processed": {answered: row, unprocessed: noNumber, row: true, counted: -1},
		"neither was processed":           {unprocessed: noRow + "," + noNumber, unknown: true, counted: -1},
		"the allowance alone, no row":     {unprocessed: noNumber, counted: -1},
		"tables in the answer are empty":  {answered: `"orders":[],"allowances":[]`, counted: -1},
	} {
		r, b := account(http.StatusOK, `{"Responses":{`+test.answered+`},"UnprocessedKeys":{`+test.unprocessed+`}}`)
		a, err := r.Account(t.Context(), id, "nocturne", "anna")
		if err != nil || len(b.asked) != 1 {
			t.Errorf("%s: asked %d times, %v", name, len(b.asked), err)
		}
		counted := -1
		if a.Counted != nil {
			counted = *a.Counted
		}
		if (a.Row != nil) != test.row || a.RowUnknown != test.unknown || counted != test.counted {
			t.Errorf("%s: %+v, counted %d", name, a, counted)
		}
		if a.Row != nil && (a.Row.Status != contracts.Held || a.Row.Version != 3 || a.Row.RequestHash != "h") {
			t.Errorf("%s: the row is %+v", name, a.Row)
		}
	}
}

// An item that does not decode yields an error and no account, and so does a failed call.
func TestUnreadableAccountIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
	}{
		"a row":        {http.StatusOK, `{"Responses":{"orders":[{"version":{"N":"x"}}]}}`},
		"an allowance": {http.StatusOK, `{"Responses":{"allowances":[{"seats":{"S":"many"}}]}}`},
		"an error":     {http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}`},
	} {
		r, _ := account(test.status, test.body)
		if a, err := r.Account(t.Context(), id, "nocturne", "anna"); err == nil || a.Row != nil || a.Counted != nil {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}
