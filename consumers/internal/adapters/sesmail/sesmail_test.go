package sesmail_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/adapters/sesmail"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/mailtest"
	"boxoffice/consumers/internal/testkit/ministacktest"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

// arrived returns what ministack's SES has sent for this tenant.
func arrived(t *testing.T) []mailtest.Received {
	t.Helper()
	response, err := http.Get(os.Getenv("AWS_ENDPOINT_URL") + "/_ministack/ses/messages?account=" + os.Getenv("AWS_ACCESS_KEY_ID"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	var body any
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	var all []mailtest.Received
	for _, m := range messages(body) {
		to, _ := m["To"].([]any)
		r := mailtest.Received{}
		for _, a := range to {
			r.To = append(r.To, &mail.Address{Address: a.(string)})
		}
		r.Subject, _ = m["Subject"].(string)
		r.Plain, _ = m["BodyText"].(string)
		r.HTML, _ = m["BodyHtml"].(string)
		all = append(all, r)
	}
	return all
}

// messages finds the messages in the response, which has them by account.
func messages(value any) (all []map[string]any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			all = append(all, messages(item)...)
		}
	case map[string]any:
		if _, is := value["MessageId"]; is {
			return []map[string]any{value}
		}
		for _, item := range value {
			all = append(all, messages(item)...)
		}
	}
	return all
}

func TestConformance(t *testing.T) {
	mailtest.Exercise(t, func(t *testing.T) (notify.Mailer, func(t *testing.T) []mailtest.Received) {
		ministacktest.Setenv(t)
		config, err := awsclient.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		client := sesv2.NewFromConfig(config)
		if _, err := client.CreateEmailIdentity(t.Context(), &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("tickets@boxoffice.example")}); err != nil {
			t.Fatal(err)
		}
		return sesmail.New(client, "", retry.NoBreaker{}), arrived
	})
}

type client func(*sesv2.SendEmailInput) error

func (c client) SendEmail(_ context.Context, in *sesv2.SendEmailInput, _ ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error) {
	if err := c(in); err != nil {
		return nil, err
	}
	return &sesv2.SendEmailOutput{}, nil
}

// An event of SES names the account by the tag, for the rules of the topology.
func TestAMailIsTaggedWithItsAccount(t *testing.T) {
	var got *sesv2.SendEmailInput
	m := sesmail.New(client(func(in *sesv2.SendEmailInput) error { got = in; return nil }), "set", retry.NoBreaker{})
	sample := mailtest.Mail(t, "a")
	if err := m.Send(t.Context(), sample); err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, tag := range got.EmailTags {
		tags[*tag.Name] = *tag.Value
	}
	if tags["account"] != "u1" || tags["kind"] != "confirm-address" || *got.ConfigurationSetName != "set" || *got.FromEmailAddress != "tickets@boxoffice.example" {
		t.Errorf("%+v", got)
	}
	sample.Account = "has a space"
	if err := m.Send(t.Context(), sample); err != nil || len(got.EmailTags) != 1 {
		t.Errorf("%+v, %v", got.EmailTags, err)
	}
}

// What SES refuses for good is poison; everything else may pass. No error shows the address, which SES's texts have.
func TestErrorsAreClassified(t *testing.T) {
	text := aws.String("Email address is not verified: c4n4ry@example.com")
	for name, c := range map[string]struct {
		err    error
		poison bool
	}{
		"rejected":    {&types.MessageRejected{Message: aws.String("Address blacklisted: c4n4ry@example.com")}, true},
		"bad request": {&types.BadRequestException{Message: aws.String("Illegal address: c4n4ry@example.com")}, true},
		"sender or recipient not verified": {&types.MessageRejected{Message: aws.String(
			"Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: c4n4ry@example.com")}, false},
		"throttled":      {&types.TooManyRequestsException{Message: text}, false},
		"over the quota": {&types.LimitExceededException{Message: text}, false},
		"paused":         {&types.SendingPausedException{Message: text}, false},
		"suspended":      {&types.AccountSuspendedException{Message: text}, false},
		"not verified":   {&types.MailFromDomainNotVerifiedException{Message: text}, false},
		"server":         {&smithy.GenericAPIError{Code: "InternalFailure", Message: *text, Fault: smithy.FaultServer}, false},
		"no answer":      {errors.New("dial: c4n4ry@example.com"), false},
	} {
		err := sesmail.New(client(func(*sesv2.SendEmailInput) error { return c.err }), "", retry.NoBreaker{}).Send(t.Context(), mailtest.Mail(t, "a"))
		if err == nil || retry.IsPoison(err) != c.poison || sesmail.Healthy(err) != c.poison || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
