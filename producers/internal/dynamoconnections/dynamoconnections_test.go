package dynamoconnections_test

import (
	"context"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/connections/connectionstest"
	"boxoffice/producers/internal/dynamoconnections"
	"boxoffice/producers/internal/ministacktest"
)

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

const table = "connections"

// stored is a Store whose items a test can read.
type stored struct {
	*dynamoconnections.Store
	client *dynamodb.Client
}

// Item implements connectionstest.Store.
func (s stored) Item(ctx context.Context, connectionID string) (item readmodel.Connection, found bool, err error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(table), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"connectionId": &types.AttributeValueMemberS{Value: connectionID}},
	})
	if err != nil || out.Item == nil {
		return item, false, err
	}
	return item, true, attributevalue.UnmarshalMap(out.Item, &item)
}

func TestConformance(t *testing.T) {
	connectionstest.Exercise(t, func(t *testing.T) connectionstest.Store {
		client := emulator.Database(t, table)
		return stored{dynamoconnections.New(client, table), client}
	})
}

// The index has the open connections of an account, from the first to the last, and no used ticket.
func TestConnectionsAreFoundByTheirAccount(t *testing.T) {
	client := emulator.Database(t, table)
	s := dynamoconnections.New(client, table)
	at := time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, user := range []string{"anna", "bob", "anna"} {
		c := readmodel.Connection{ConnectionID: "c" + strconv.Itoa(i), UserID: user, ConnectedAt: contracts.InstantOf(at.Add(-time.Duration(i) * time.Minute)), ExpiresAt: at.Unix()}
		if used, err := s.Open(t.Context(), c, "n"+strconv.Itoa(i), at); used || err != nil {
			t.Fatal(used, err)
		}
	}
	out, err := client.Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(table), IndexName: aws.String(readmodel.IndexConnectionsOfAccount), KeyConditionExpression: aws.String("userId = :u AND connectedAt <= :at"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":u": &types.AttributeValueMemberS{Value: "anna"}, ":at": &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(contracts.InstantOf(at)), 10)},
		},
	})
	var found []readmodel.Connection
	if err == nil {
		err = attributevalue.UnmarshalListOfMaps(out.Items, &found)
	}
	if err != nil || len(found) != 2 || found[0].ConnectionID != "c2" || found[1].ConnectionID != "c0" {
		t.Errorf("%+v, %v", found, err)
	}
}

// reply answers every request with one body.
type reply struct {
	status int
	body   string
	asked  int
}

// Do implements aws.HTTPClient.
func (r *reply) Do(*http.Request) (*http.Response, error) {
	r.asked++
	return &http.Response{
		StatusCode: r.status, ContentLength: int64(len(r.body)), Body: io.NopCloser(strings.NewReader(r.body)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Crc32": {strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(r.body))), 10)}},
	}, nil
}

func answering(status int, body string) (*dynamoconnections.Store, *reply) {
	r := &reply{status: status, body: body}
	return dynamoconnections.New(dynamodb.NewFromConfig(aws.Config{
		Region: "eu-central-1", HTTPClient: r, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), RetryMaxAttempts: 1,
	}), table), r
}

// A transaction that another one cancelled says nothing about the ticket. ministack never answers so.
func TestACancelledTransactionIsNoUsedTicket(t *testing.T) {
	for reasons, want := range map[string]struct{ used, fails bool }{
		`{"Code":"ConditionalCheckFailed"},{"Code":"None"}`:                {used: true},
		`{"Code":"ConditionalCheckFailed"},{"Code":"TransactionConflict"}`: {used: true},
		`{"Code":"TransactionConflict"},{"Code":"None"}`:                   {fails: true},
		`{"Code":"None"},{"Code":"ThrottlingError"}`:                       {fails: true},
	} {
		s, _ := answering(http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[`+reasons+`]}`)
		used, err := s.Open(t.Context(), readmodel.Connection{ConnectionID: "c", UserID: "c4n4ry"}, "c4n4ry", time.Now())
		if used != want.used || (err != nil) != want.fails || err != nil && strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%s: used %t, %v", reasons, used, err)
		}
	}
}

func TestEveryFailureIsAnErrorUntilTheBreakerOpens(t *testing.T) {
	s, r := answering(http.StatusInternalServerError, `{"__type":"InternalServerError"}`)
	for range 3 {
		if _, err := s.Open(t.Context(), readmodel.Connection{ConnectionID: "c", UserID: "u"}, "c4n4ry", time.Now()); err == nil || strings.Contains(err.Error(), "c4n4ry") {
			t.Error(err)
		}
		if err := s.Close(t.Context(), "c"); err == nil {
			t.Error("no error")
		}
	}
	if r.asked != 3 {
		t.Errorf("%d calls reached a store that fails", r.asked)
	}
}
