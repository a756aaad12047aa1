package dynamoconnection_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamoconnection"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

var now = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

func put(t *testing.T, client *dynamodb.Client, c readmodel.Connection) {
	t.Helper()
	item, err := attributevalue.MarshalMap(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("connections"), Item: item}); err != nil {
		t.Fatal(err)
	}
}

// pages is an HTTP client that answers each query with the next page.
type pages struct{ asked, answers []string }

func (p *pages) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	answer := p.answers[len(p.asked)]
	p.asked = append(p.asked, string(body))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// A page ends after 1 MB, which ministack does not do.
func TestEveryPageIsRead(t *testing.T) {
	p := &pages{answers: []string{
		`{"Items":[{"connectionId":{"S":"a"}}],"LastEvaluatedKey":{"connectionId":{"S":"a"}}}`,
		`{"Items":[],"LastEvaluatedKey":{"connectionId":{"S":"b"}}}`,
		`{"Items":[{"connectionId":{"S":"c"}}]}`,
	}}
	client := dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", HTTPClient: p, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), RetryMaxAttempts: 1,
	})
	all, err := dynamoconnection.New(client, "connections", retry.NoBreaker{}, func() time.Time { return now }).Until(t.Context(), "carla", contracts.InstantOf(now))
	if err != nil || len(all) != 2 || all[0].ConnectionID != "a" || all[1].ConnectionID != "c" {
		t.Fatalf("%+v, %v", all, err)
	}
	for i, want := range []string{"", `"a"`, `"b"`} {
		_, start, has := strings.Cut(p.asked[i], `"ExclusiveStartKey"`)
		if has != (want != "") || !strings.Contains(start, want) {
			t.Errorf("query %d: %s", i, p.asked[i])
		}
	}
}

// All connections that were opened until an instant are found, more than get frames, and none that was opened later or is over.
func TestEveryConnectionUntilAnInstantIsFound(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	client := dynamodb.NewFromConfig(config)
	const many = 101
	until := contracts.InstantOf(now.Add(-time.Minute))
	for i := range many {
		put(t, client, readmodel.Connection{ConnectionID: fmt.Sprint("many-", i), UserID: "carla", ConnectedAt: until.Add(-time.Duration(i) * time.Second)})
	}
	put(t, client, readmodel.Connection{ConnectionID: "later", UserID: "carla", ConnectedAt: until.Add(time.Millisecond)})
	put(t, client, readmodel.Connection{ConnectionID: "long-over", UserID: "carla", ConnectedAt: contracts.InstantOf(now.Add(-3 * time.Hour))})
	s := dynamoconnection.New(client, "connections", retry.NoBreaker{}, func() time.Time { return now })
	all, err := s.Until(t.Context(), "carla", until)
	found := map[string]bool{}
	for _, c := range all {
		found[c.ConnectionID] = true
	}
	if err != nil || len(all) != many || len(found) != many || found["later"] || found["long-over"] {
		t.Errorf("found %d, %v", len(found), err)
	}
	if all, err := s.Until(t.Context(), "carla", contracts.InstantOf(now.Add(-4*time.Hour))); err != nil || len(all) != 0 {
		t.Errorf("until long ago: %v, %v", all, err)
	}
	throttled := awsfaults.Throttled("ProvisionedThroughputExceededException")
	faults.Next("Query", throttled, throttled)
	if _, err := s.Until(t.Context(), "carla", until); err == nil {
		t.Error("a failed read is taken for a buyer without connections")
	}
}

func TestTheConnectionsOfABuyer(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	client := dynamodb.NewFromConfig(config)
	for _, c := range []readmodel.Connection{
		{ConnectionID: "older", UserID: "anna", ConnectedAt: contracts.InstantOf(now.Add(-time.Hour))},
		{ConnectionID: "newer", UserID: "anna", ConnectedAt: contracts.InstantOf(now)},
		{ConnectionID: "over", UserID: "anna", ConnectedAt: contracts.InstantOf(now.Add(-3 * time.Hour))}, // its item is not deleted yet
		{ConnectionID: "other", UserID: "bert", ConnectedAt: contracts.InstantOf(now)},
		{ConnectionID: readmodel.UsedTicket("t"), ExpiresAt: 4_000_000_000},
	} {
		put(t, client, c)
	}
	s := dynamoconnection.New(client, "connections", retry.NoBreaker{}, func() time.Time { return now })
	want := func(user string, ids ...string) {
		t.Helper()
		all, err := s.Of(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range all {
			got = append(got, c.ConnectionID)
			if c.UserID != user || c.ConnectedAt == 0 {
				t.Errorf("%+v", c)
			}
		}
		if !slices.Equal(got, ids) {
			t.Errorf("%s has %v, want %v", user, got, ids)
		}
	}
	want("anna", "newer", "older")
	want("nobody")
	for range 2 {
		if err := s.Forget(t.Context(), "newer"); err != nil {
			t.Fatal(err)
		}
	}
	want("anna", "older")
	throttled := awsfaults.Throttled("ProvisionedThroughputExceededException")
	faults.Next("Query", throttled, throttled)
	if _, err := s.Of(t.Context(), "anna"); err == nil {
		t.Error("a failed read is taken for a buyer without connections")
	}
}
