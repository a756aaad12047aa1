package main

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/dynamoattempts"
	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/adapters/dynamoconnection"
	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/adapters/dynamosent"
	"boxoffice/consumers/internal/adapters/dynamouser"
	"boxoffice/consumers/internal/adapters/gatewaypush"
	"boxoffice/consumers/internal/adapters/outboxmail"
	"boxoffice/consumers/internal/adapters/sesmail"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/notify"
	"boxoffice/contracts/sealed"
)

type config struct {
	boot.Source
	OrdersTable      string `env:"ORDERS_TABLE,notEmpty"`
	UsersTable       string `env:"USERS_TABLE,notEmpty"`
	ConcertsTable    string `env:"CONCERTS_TABLE,notEmpty"`
	LayoutsTable     string `env:"LAYOUTS_TABLE,notEmpty"`
	ConnectionsTable string `env:"CONNECTIONS_TABLE,notEmpty"`
	SentTable        string `env:"SENT_TABLE,notEmpty"`
	DeadLettersTable string `env:"DEADLETTERS_TABLE,notEmpty"`
	// SiteURL is the origin of the site, to which links in mails lead.
	SiteURL string `env:"SITE_URL,notEmpty"`
	// ConnectionsEndpoint is where connections are managed.
	ConnectionsEndpoint string `env:"CONNECTIONS_ENDPOINT,notEmpty"`
	// MailLinkSecrets are "version:base64url,…", the newest first; identity has the same.
	MailLinkSecrets string `env:"MAIL_LINK_SECRETS,notEmpty"`
	// MailFrom is the address that mails come from, with a name or without.
	MailFrom string `env:"MAIL_FROM,notEmpty"`
	// MailConfigurationSet is SES's configuration set, whose events report bounces and complaints. SES does not send without one.
	MailConfigurationSet string `env:"MAIL_CONFIGURATION_SET"`
	// MailOutbox is a folder for mails. Without one SES sends them.
	MailOutbox string `env:"MAIL_OUTBOX"`
}

// minPerMessage is the least time in which a message is started: enough for its reads, a send of usual length and the mark. It is less
// than the budget of a function with the shortest timeout of the local stack, 2 s, which could start nothing otherwise.
const minPerMessage = time.Second

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	keys, err := sealed.ParseKeys(c.MailLinkSecrets)
	if err != nil {
		return nil, fmt.Errorf("MAIL_LINK_SECRETS: %w", err)
	}
	from, err := mail.ParseAddress(c.MailFrom)
	if err != nil {
		return nil, fmt.Errorf("MAIL_FROM is %q, want a mail address", c.MailFrom)
	}
	for name, text := range map[string]string{"SITE_URL": c.SiteURL, "CONNECTIONS_ENDPOINT": c.ConnectionsEndpoint} {
		if u, err := url.Parse(text); err != nil || u.Host == "" || name == "SITE_URL" && u.Scheme+"://"+u.Host != text {
			return nil, fmt.Errorf("%s is %q, want an address", name, text)
		}
	}
	if c.MailOutbox == "" && c.MailConfigurationSet == "" {
		return nil, errors.New("MAIL_CONFIGURATION_SET and MAIL_OUTBOX are empty: without a configuration set SES reports no bounce and no complaint, and suspends an account that goes on sending")
	}
	dynamo, breaker := dynamodb.NewFromConfig(p.AWS), p.Breaker("dynamodb", nil)
	n := &notify.Notifier{
		Orders: dynamoorder.New(dynamo, dynamoorder.Tables{Orders: c.OrdersTable}, breaker),
		Users:  dynamouser.New(dynamo, c.UsersTable, breaker),
		Catalogue: dynamocatalogue.New(dynamo, dynamocatalogue.Tables{
			Concerts: c.ConcertsTable, Layouts: c.LayoutsTable,
		}, breaker, p.Now),
		Connections: dynamoconnection.New(dynamo, c.ConnectionsTable, breaker, p.Now),
		Gateway:     gatewaypush.New(p.AWS, c.ConnectionsEndpoint, p.Breaker("connections", gatewaypush.Healthy)),
		Mailer:      mailer(p, c),
		Sent:        dynamosent.New(dynamo, c.SentTable, breaker),
		Sender:      mails.Sender{From: *from, Site: c.SiteURL},
		Links:       notify.Links{Keys: keys},
		Log:         p.Log, Meter: p.Meter, Now: p.Now,
	}
	source := sqssend.New(sqs.NewFromConfig(p.AWS), nil, p.Breaker("sqs-source", sqssend.Healthy))
	queue := source.At(c.QueueURL)
	return sqsbatch.New(n.Handle, queue, source.At(c.DeadLetterURL).Copy, sqsbatch.Options{
		Standard: true, Attempts: dynamoattempts.New(dynamo, c.DeadLettersTable, breaker), Visibility: queue.Visibility,
		MinPerMessage: minPerMessage, Logger: p.Log, Meter: p.Meter, Now: p.Now,
	}).Handle, nil
}

// mailer returns SES or, on the local stack, a folder.
func mailer(p boot.Process, c config) notify.Mailer {
	if c.MailOutbox != "" {
		return outboxmail.New(c.MailOutbox)
	}
	return sesmail.New(sesv2.NewFromConfig(p.AWS), c.MailConfigurationSet, p.Breaker("ses", sesmail.Healthy))
}
