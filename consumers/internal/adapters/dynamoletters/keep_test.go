package dynamoletters_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamoletters"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// down is the HTTP client of an unreachable service.
type down struct{}

var errDown = errors.New("connection refused")

func (down) Do(*http.Request) (*http.Response, error) { return nil, errDown }

// The caller deletes the message after Keep, so Keep must never succeed without storing the letter.
func TestUnstoredLetterIsAnError(t *testing.T) {
	client := dynamodb.NewFromConfig(aws.Config{
		Region: "eu-central-1", RetryMaxAttempts: 1, HTTPClient: down{}, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	err := dynamoletters.New(client, "deadletters", retry.NoBreaker{}).Keep(t.Context(), readmodel.DeadLetter{MessageKey: readmodel.DrainedKey("m-1")})
	if !errors.Is(err, errDown) || retry.Classify(err).Class != retry.ClassRetryable {
		t.Errorf("got %v", err)
	}
}
