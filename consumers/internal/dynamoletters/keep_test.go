package dynamoletters_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/awsfaults"
	"boxoffice/consumers/internal/dynamoletters"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// Whoever drains a letter deletes it after this, so that what was not stored must never look as if it were.
func TestALetterThatIsNotStoredIsAnError(t *testing.T) {
	config := aws.Config{Region: "eu-central-1", RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}
	faults := awsfaults.Into(&config)
	faults.Next("PutItem", awsfaults.Throttled("ProvisionedThroughputExceededException"))
	store := dynamoletters.New(dynamodb.NewFromConfig(config), "deadletters", retry.NoBreaker{})
	err := store.Keep(t.Context(), readmodel.DeadLetter{MessageKey: readmodel.DrainedKey("m-1")})
	if err == nil || retry.Classify(err).Class != retry.ClassRetryable || faults.Left() > 0 {
		t.Errorf("got %v", err)
	}
}
