package dynamoread_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
	"boxoffice/producers/internal/dynamoread"
)

func ticketReader(bodies ...string) (*dynamoread.Reader, *script) {
	s := &script{bodies: bodies}
	client := dynamodb.NewFromConfig(aws.Config{Region: "eu-central-1", HTTPClient: s, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), RetryMaxAttempts: 1})
	return dynamoread.New(client, dynamoread.Tables{Users: "users", Revocations: "revocations"}), s
}

// A ticket needs the name and the language of a person. The mail address does not even leave the table.
func TestPersonIsReadWithoutTheMailAddress(t *testing.T) {
	r, s := ticketReader(`{"Item":{"name":{"S":"Anna Müller"},"locale":{"S":"de"}}}`)
	person, found, err := r.Person(t.Context(), "anna")
	if err != nil || !found || person != (readmodel.Person{Name: "Anna Müller", Locale: "de"}) {
		t.Errorf("%+v, %t, %v", person, found, err)
	}
	asked := s.asked[0]
	if asked["TableName"] != "users" || asked["ProjectionExpression"] != "#name, #locale" || fmt.Sprint(asked["ExpressionAttributeNames"]) != "map[#locale:locale #name:name]" ||
		fmt.Sprint(asked["Key"]) != fmt.Sprint(map[string]any{"accountItem": map[string]any{"S": "user#anna"}}) {
		t.Errorf("asked %v", asked)
	}
	r, _ = ticketReader(`{}`)
	if _, found, err := r.Person(t.Context(), "anna"); found || err != nil {
		t.Errorf("nobody: %t, %v", found, err)
	}
}

// The list of a concert has the rows of every page, read consistently, or it is an error.
func TestEveryPageOfRevocationsIsRead(t *testing.T) {
	page := func(n int, more bool) string {
		last := ""
		if more {
			last = `,"LastEvaluatedKey":{"concertId":{"S":"c"},"orderVersion":{"S":"e1#` + fmt.Sprint(n) + `"}}`
		}
		return `{"Items":[{"concertId":{"S":"c"},"orderVersion":{"S":"e1#` + fmt.Sprint(n) + `"},"codes":{"B":"AAAAAAAAAAAAAA=="}}]` + last + `}`
	}
	pages := []string{page(1, true), `{"Items":[],"LastEvaluatedKey":{"concertId":{"S":"c"},"orderVersion":{"S":"e1#2"}}}`, page(3, false)}
	r, s := ticketReader(pages...)
	rows, err := r.Revocations(t.Context(), "c", 20)
	if err != nil || len(rows) != 2 || rows[1].OrderVersion != "e1#3" || len(rows[1].Codes) != 10 || len(s.asked) != 3 {
		t.Fatalf("%+v, %v after %d calls", rows, err, len(s.asked))
	}
	for i, asked := range s.asked {
		if asked["ConsistentRead"] != true || asked["TableName"] != "revocations" || (asked["ExclusiveStartKey"] != nil) != (i > 0) {
			t.Errorf("call %d: %v", i, asked)
		}
	}
	r, _ = ticketReader(pages...)
	if rows, err := r.Revocations(t.Context(), "c", 19); !errors.Is(err, ticketcode.ErrTooManyRevoked) || rows != nil {
		t.Errorf("over the bound: %v, %v", rows, err)
	}
}
