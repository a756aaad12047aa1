// Package sesmail sends mails by SES.
package sesmail

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/retry"
)

// timeoutPerCall bounds a send. There is no second attempt: after a lost response the mail may have been sent, and the message of
// the queue is redelivered anyway.
const timeoutPerCall = 3 * time.Second

// Client is the part of *sesv2.Client that is used.
type Client interface {
	SendEmail(context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

// Mailer is an SES account. It is safe for concurrent use.
type Mailer struct {
	client           Client
	configurationSet string
	breaker          retry.Breaker
}

var _ notify.Mailer = (*Mailer)(nil)

// New makes a Mailer. The configuration set sends the events of bounces and complaints to the default bus. The breaker should use
// Healthy as its IsSuccessful.
func New(client Client, configurationSet string, breaker retry.Breaker) *Mailer {
	return &Mailer{client: client, configurationSet: configurationSet, breaker: breaker}
}

// Healthy is the IsSuccessful of a breaker before SES: an SES that refuses a mail for its content is healthy.
func Healthy(err error) bool { return err == nil || retry.IsPoison(err) }

// Tags of a mail. SES returns them in its events, whose rules take the account from them: an event has the address too, and the
// queue gets ids alone.
const (
	tagAccount = "account"
	tagKind    = "kind"
)

// tagForm is the form of a tag's value that SES accepts.
var tagForm = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,256}$`)

// RefusedError is an error of SES. SES's own texts have the address, so only the code is kept.
type RefusedError struct{ Code string }

func (e *RefusedError) Error() string { return "SES: " + e.Code }

// ErrorCode returns the code, by which the error is classified as any other of AWS.
func (e *RefusedError) ErrorCode() string { return e.Code }

// reasonRefused is the reason of a mail that SES refuses for its content.
const reasonRefused = "mail_refused"

// finalCodes are the codes of mails that are wrong in themselves, unless the text says otherwise (isFinal). An account that may not
// send and a quota that is used up are states of the deployment, which pass.
var finalCodes = map[string]bool{"MessageRejected": true, "BadRequestException": true}

// isFinal reports whether SES would refuse the mail again. SES says MessageRejected of a mail that is wrong, and also of a sender that is
// not verified, or of a recipient while the account is in the sandbox ("Email address is not verified. …"): states of the deployment,
// which an operator changes. Only the text tells them apart.
func isFinal(code string, err error) bool {
	return finalCodes[code] && !strings.Contains(err.Error(), "not verified")
}

// errUnanswered means that SES did not answer. The SDK's text could have parts of the request.
var errUnanswered = errors.New("SES did not answer")

// Send implements notify.Mailer.
func (m *Mailer) Send(ctx context.Context, mail mails.Mail) error {
	in := &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(mail.From),
		Destination:      &types.Destination{ToAddresses: []string{mail.To}},
		Content:          &types.EmailContent{Raw: &types.RawMessage{Data: mail.Raw}},
		EmailTags:        []types.MessageTag{{Name: aws.String(tagKind), Value: aws.String(string(mail.Kind))}},
	}
	if tagForm.MatchString(mail.Account) {
		in.EmailTags = append(in.EmailTags, types.MessageTag{Name: aws.String(tagAccount), Value: aws.String(mail.Account)})
	}
	if m.configurationSet != "" {
		in.ConfigurationSetName = aws.String(m.configurationSet)
	}
	err := m.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Once(ctx, timeoutPerCall, func(ctx context.Context) error {
			_, err := m.client.SendEmail(ctx, in)
			return classified(err)
		})
	})
	if err != nil {
		return fmt.Errorf("send mail %s: %w", mail.Hash(), err)
	}
	return nil
}

func classified(err error) error {
	var coded interface{ ErrorCode() string }
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", errUnanswered, context.DeadlineExceeded)
	case !errors.As(err, &coded):
		return errUnanswered
	case isFinal(coded.ErrorCode(), err):
		return retry.Poison(reasonRefused, &RefusedError{coded.ErrorCode()})
	default:
		return &RefusedError{coded.ErrorCode()}
	}
}
