package main

import (
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts/sealed"
	"boxoffice/producers/internal/boot"
	"boxoffice/producers/internal/connections"
	"boxoffice/producers/internal/dynamoconnections"
)

type config struct {
	boot.Edge
	ConnectionsTable string `env:"CONNECTIONS_TABLE,notEmpty"`
	// PushTicketSecrets are "version:base64url,…", the newest first.
	PushTicketSecrets string `env:"PUSH_TICKET_SECRETS,notEmpty"`
	// PushURL is where clients open connections.
	PushURL string `env:"PUSH_URL,notEmpty"`
}

func wire(p boot.Process, c config) (boot.Routes, error) {
	keys, err := sealed.ParseKeys(c.PushTicketSecrets)
	if err != nil {
		return boot.Routes{}, fmt.Errorf("PUSH_TICKET_SECRETS: %w", err)
	}
	u, err := url.Parse(c.PushURL)
	if err != nil || u.Scheme != "wss" && u.Scheme != "ws" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return boot.Routes{}, fmt.Errorf("PUSH_URL is %q, want wss://host/path or, without TLS, ws://host/path", c.PushURL)
	}
	service := &connections.Service{
		Store: dynamoconnections.New(dynamodb.NewFromConfig(p.AWS), c.ConnectionsTable),
		Keys:  keys, URL: c.PushURL, Random: p.Random, Log: p.Log, Now: p.Now,
	}
	return boot.Routes{HTTP: service.Routes(), WebSocket: service.SocketRoutes()}, nil
}
