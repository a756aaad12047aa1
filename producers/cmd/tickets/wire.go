package main

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts/ticketcode"
	"boxoffice/producers/internal/boot"
	"boxoffice/producers/internal/catalogue"
	"boxoffice/producers/internal/dynamoread"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/orderid"
	"boxoffice/producers/internal/tickets"
)

type config struct {
	boot.Edge
	ConcertsTable    string `env:"CONCERTS_TABLE,notEmpty"`
	LayoutsTable     string `env:"LAYOUTS_TABLE,notEmpty"`
	OrdersTable      string `env:"ORDERS_TABLE,notEmpty"`
	RevocationsTable string `env:"REVOCATIONS_TABLE,notEmpty"`
	UsersTable       string `env:"USERS_TABLE,notEmpty"`
	// OrderIDSecrets are "version:base64url,…", the newest first.
	OrderIDSecrets   string `env:"ORDER_ID_SECRETS,notEmpty"`
	HomeRegionLetter string `env:"HOME_REGION_LETTER,notEmpty"`
	SiteURL          string `env:"SITE_URL,notEmpty"`
	// TicketKeys has the form of ticketcode.ParseKeys.
	TicketKeys string `env:"TICKET_KEYS,notEmpty"`
}

func wire(p boot.Process, c config) (map[string]httpapi.Handler, error) {
	ids, err := orderid.New(c.HomeRegionLetter, c.OrderIDSecrets)
	if err != nil {
		return nil, err
	}
	keys, err := ticketcode.ParseKeys(c.TicketKeys)
	if err != nil {
		return nil, fmt.Errorf("TICKET_KEYS: %w", err)
	}
	if !boot.IsOrigin(c.SiteURL) {
		return nil, fmt.Errorf("SITE_URL is %q, want scheme, host and port alone", c.SiteURL)
	}
	rows := dynamoread.New(dynamodb.NewFromConfig(p.AWS), dynamoread.Tables{
		Orders: c.OrdersTable, Concerts: c.ConcertsTable, Layouts: c.LayoutsTable, Users: c.UsersTable, Revocations: c.RevocationsTable,
	})
	kept := catalogue.New(rows, p.Log, p.Now)
	p.Warm.Add("layouts", kept.Preload)
	mine := tickets.Tickets{
		Orders: rows, Owners: ids, Catalogue: kept, People: rows, Keys: keys, SiteURL: c.SiteURL, Log: p.Log, Now: p.Now,
	}
	revocations := tickets.NewRevocations(rows, kept, keys, p.Log, p.Now)
	return map[string]httpapi.Handler{
		"GET /api/me/tickets":                       mine.List,
		"GET /api/orders/{orderId}/tickets.pdf":     mine.PDF,
		"GET /api/orders/{orderId}/tickets.ics":     mine.Calendar,
		"GET /api/concerts/{concertId}/revocations": revocations.Handle,
	}, nil
}
