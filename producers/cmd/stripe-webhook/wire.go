package main

import (
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/message"
	"boxoffice/producers/internal/boot"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/sqssend"
	"boxoffice/producers/internal/stripesignature"
	"boxoffice/producers/internal/webhook"
)

type config struct {
	boot.Edge
	// WebhookSecrets are "whsec_…,whsec_…": any of them may have signed an event.
	WebhookSecrets string `env:"STRIPE_WEBHOOK_SECRETS,notEmpty"`
	// Environment is the name that the consumers put into the metadata of our PaymentIntents.
	Environment string `env:"ENVIRONMENT,notEmpty"`
	// PaymentMode is the mode that events must have.
	PaymentMode            message.PaymentMode `env:"PAYMENT_MODE,notEmpty"`
	AuthorizationsQueueURL string              `env:"AUTHORIZATIONS_QUEUE_URL,notEmpty"`
	PaymentsQueueURL       string              `env:"PAYMENTS_QUEUE_URL,notEmpty"`
}

func wire(p boot.Process, c config) (map[string]httpapi.Handler, error) {
	signatures, err := stripesignature.New(c.WebhookSecrets)
	if err != nil {
		return nil, err
	}
	stripe := &webhook.Stripe{
		Signatures: signatures,
		Queue: sqssend.New(sqs.NewFromConfig(p.AWS), map[message.Queue]string{
			message.QueueAuthorizations: c.AuthorizationsQueueURL,
			message.QueuePayments:       c.PaymentsQueueURL,
		}),
		Environment: c.Environment, Mode: c.PaymentMode,
		Log: p.Log, Meter: p.Meter,
	}
	return map[string]httpapi.Handler{"POST /api/webhooks/stripe": stripe.Handle}, nil
}
