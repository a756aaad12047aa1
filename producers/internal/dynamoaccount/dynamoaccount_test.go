package dynamoaccount_test

import (
	"errors"
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
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/dynamoaccount"
	"boxoffice/producers/internal/identity"
	"boxoffice/producers/internal/identity/identitytest"
	"boxoffice/producers/internal/ministacktest"
)

var tables = dynamoaccount.Tables{Users: "users", Sessions: "sessions", Limits: "limits"}

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

func TestConformance(t *testing.T) {
	identitytest.Exercise(t, func(t *testing.T) identitytest.Stores {
		return dynamoaccount.New(emulator.Database(t, "users", "sessions", "limits"), tables)
	})
}

// reply answers every request with one body.
type reply struct {
	status int
	body   string
	asked  []string
}

// Do implements aws.HTTPClient.
func (r *reply) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	r.asked = append(r.asked, request.Header.Get("X-Amz-Target")+" "+string(body))
	return &http.Response{
		StatusCode: r.status, ContentLength: int64(len(r.body)), Body: io.NopCloser(strings.NewReader(r.body)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Crc32": {strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(r.body))), 10)}},
	}, nil
}

func answering(status int, body string) (*dynamoaccount.Store, *reply) {
	r := &reply{status: status, body: body}
	return dynamoaccount.New(dynamodb.NewFromConfig(aws.Config{
		Region: "eu-central-1", HTTPClient: r, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), RetryMaxAttempts: 1,
	}), tables), r
}

// A transaction that another one cancelled says nothing about its conditions: the address is not known to be taken. ministack
// never answers so.
func TestACancelledTransactionIsNotAFailedCondition(t *testing.T) {
	for reasons, want := range map[string]struct{ taken, fails bool }{
		`{"Code":"None"},{"Code":"ConditionalCheckFailed"}`:                {taken: true},
		`{"Code":"None"},{"Code":"TransactionConflict"}`:                   {fails: true},
		`{"Code":"TransactionConflict"},{"Code":"ConditionalCheckFailed"}`: {fails: true},
		`{"Code":"ThrottlingError"},{"Code":"None"}`:                       {fails: true},
		`{"Code":"ConditionalCheckFailed"},{"Code":"None"}`:                {fails: true}, // the id is taken
	} {
		s, _ := answering(http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[`+reasons+`]}`)
		taken, err := s.Create(t.Context(), readmodel.User{UserID: "u1", MailKey: "c4n4ry@example.com"}, "c4n4ry")
		if taken != want.taken || (err != nil) != want.fails {
			t.Errorf("%s: taken %t, %v", reasons, taken, err)
		}
		if err != nil && strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("the error has an address or a hash: %v", err)
		}
	}
}

func TestReadsAreConsistent(t *testing.T) {
	s, r := answering(http.StatusOK, `{}`)
	_, _, errUser := s.User(t.Context(), "u1")
	_, _, errOwner := s.MailOwner(t.Context(), "anna@example.com")
	_, _, errSession := s.Session(t.Context(), "s1")
	_, errMark := s.Remembered(t.Context(), "k", time.Now())
	if err := errors.Join(errUser, errOwner, errSession, errMark); err != nil || len(r.asked) != 4 {
		t.Fatal(err, r.asked)
	}
	for _, asked := range r.asked {
		if !strings.HasPrefix(asked, "DynamoDB_20120810.GetItem ") || !strings.Contains(asked, `"ConsistentRead":true`) {
			t.Errorf("asked %s", asked)
		}
	}
}

func TestEveryFailureIsAnErrorWithoutAddresses(t *testing.T) {
	call := func(s *dynamoaccount.Store) []error {
		user := readmodel.User{UserID: "u1", MailKey: "c4n4ry@example.com"}
		_, create := s.Create(t.Context(), user, "c4n4ry")
		_, _, owner := s.MailOwner(t.Context(), user.MailKey)
		_, _, read := s.User(t.Context(), "u1")
		_, _, profile := s.SetProfile(t.Context(), "u1", "c4n4ry", "")
		_, _, nonce := s.SetNonce(t.Context(), "u1", identity.LinkReset, "c4n4ry")
		_, confirm := s.Confirm(t.Context(), "u1", "c4n4ry")
		_, password := s.SetPassword(t.Context(), user, "c4n4ry", "c4n4ry")
		_, _, session := s.Session(t.Context(), "c4n4ry")
		_, rotate := s.Rotate(t.Context(), "c4n4ry", 1, contracts.Instant(1), time.Now())
		_, take := s.Take(t.Context(), "k", 1, time.Now())
		_, mark := s.Remembered(t.Context(), "k", time.Now())
		_, end := s.End(t.Context(), "c4n4ry")
		return []error{
			create, owner, read, profile, nonce, confirm, password, session, rotate, take, mark,
			s.Start(t.Context(), readmodel.Session{SessionID: "c4n4ry"}), end, s.Remember(t.Context(), "k", time.Now()),
		}
	}
	// After three failures the breaker refuses the calls; the errors are the same to a caller.
	s, r := answering(http.StatusInternalServerError, `{"__type":"InternalServerError"}`)
	for i, err := range call(s) {
		if err == nil || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if len(r.asked) != 3 {
		t.Errorf("%d calls reached a store that fails", len(r.asked))
	}
}
