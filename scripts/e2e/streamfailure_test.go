package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/readmodel"
)

// givenUpShard is the shard of the test's letter; no stream has it.
const givenUpShard = "shardId-00000000000000000000-e2e"

// The deployed reconcile keeps a letter about records that mirror's mapping gave up, with all that is needed to find them.
func TestLetterAboutGivenUpRecordsIsKept(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	letter := fmt.Sprintf(`{"requestContext":{"requestId":"e2e","functionArn":"arn:aws:lambda:eu-central-1:000000000000:function:mirror",
		"condition":"RecordAgeExceeded","approximateInvokeCount":9},"version":"1.0","timestamp":"2026-11-14T00:13:49.717Z","DDBStreamBatchInfo":{"shardId":%q,
		"startSequenceNumber":"100","endSequenceNumber":"107","approximateArrivalOfFirstRecord":"2026-11-13T01:13:19Z",
		"approximateArrivalOfLastRecord":"2026-11-13T01:13:20Z","batchSize":3,"streamArn":"arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/x"}}`, givenUpShard)
	if _, err := s.Queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(s.Queue("stream-failures")), MessageBody: &letter}); err != nil {
		t.Fatal(err)
	}
	eventually(t, decideWithin, func() (bool, string) {
		s.reconcile(t)
		letters, err := s.DeadLetters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(letters, isGivenUpShard)
		if i < 0 {
			return false, "the letter is not kept"
		}
		l := letters[i]
		if l.Queue != "stream-failures" || l.Reason != "RecordAgeExceeded" || l.Body != letter || l.Stream.StartSequence != "100" || l.Stream.EndSequence != "107" || l.Stream.Records != 3 {
			t.Errorf("kept %+v, %+v", l, *l.Stream)
		}
		left, err := s.Waiting(t.Context(), "stream-failures")
		if err != nil {
			t.Fatal(err)
		}
		return left == 0, fmt.Sprintf("%d letters are left in the queue", left)
	})
}

func isGivenUpShard(l readmodel.DeadLetter) bool {
	return l.Stream != nil && l.Stream.ShardID == givenUpShard
}
