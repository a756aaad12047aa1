package main

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/message"
	"boxoffice/contracts/origin"
	"boxoffice/contracts/sealed"
	"boxoffice/contracts/tokenkeys"
	"boxoffice/producers/internal/boot"
	"boxoffice/producers/internal/dynamoaccount"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/identity"
	"boxoffice/producers/internal/identity/accesstoken"
	"boxoffice/producers/internal/identity/passwordhash"
	"boxoffice/producers/internal/sqssend"
)

type config struct {
	boot.Edge
	UsersTable    string `env:"USERS_TABLE,notEmpty"`
	SessionsTable string `env:"SESSIONS_TABLE,notEmpty"`
	LimitsTable   string `env:"LIMITS_TABLE,notEmpty"`
	// SiteURL is the origin of the site; the issuer of tokens is below it.
	SiteURL string `env:"SITE_URL,notEmpty"`
	// TokenKeys has the form of contracts/tokenkeys.
	TokenKeys string `env:"TOKEN_KEYS,notEmpty"`
	// SessionSecrets and MailLinkSecrets are "version:base64url,…", the newest first.
	SessionSecrets        string `env:"SESSION_SECRETS,notEmpty"`
	MailLinkSecrets       string `env:"MAIL_LINK_SECRETS,notEmpty"`
	NotificationsQueueURL string `env:"NOTIFICATIONS_QUEUE_URL,notEmpty"`
	// RateLimits is "production" or "wide".
	RateLimits string `env:"RATE_LIMITS,notEmpty"`
	// AllowedOrigins are the origins besides the site's whose pages may use the API with cookies, separated by commas: those that
	// the edge allows.
	AllowedOrigins []string `env:"ALLOWED_ORIGINS"`
}

// hashesAtOnce bounds the hashes that a process computes at a time. Each takes 19 MiB and a whole processor.
const hashesAtOnce = 1

func wire(p boot.Process, c config) (map[string]httpapi.Handler, error) {
	keys, err := tokenkeys.Parse(c.TokenKeys)
	if err != nil {
		return nil, err
	}
	refreshKeys, err := sealed.ParseKeys(c.SessionSecrets)
	if err != nil {
		return nil, fmt.Errorf("SESSION_SECRETS: %w", err)
	}
	linkKeys, err := sealed.ParseKeys(c.MailLinkSecrets)
	if err != nil {
		return nil, fmt.Errorf("MAIL_LINK_SECRETS: %w", err)
	}
	edge, err := origin.Parse(c.OriginSecrets)
	if err != nil {
		return nil, err
	}
	if !boot.IsOrigin(c.SiteURL) {
		return nil, fmt.Errorf("SITE_URL is %q, want scheme, host and port alone", c.SiteURL)
	}
	for _, allowed := range c.AllowedOrigins {
		if !boot.IsOrigin(allowed) {
			return nil, fmt.Errorf("ALLOWED_ORIGINS has %q, want scheme, host and port alone", allowed)
		}
	}
	rates := identity.ProductionRates()
	switch c.RateLimits {
	case "production":
	case "wide":
		rates = identity.WideRates()
	default:
		return nil, fmt.Errorf("RATE_LIMITS is %q, want production or wide", c.RateLimits)
	}
	store := dynamoaccount.New(dynamodb.NewFromConfig(p.AWS), dynamoaccount.Tables{Users: c.UsersTable, Sessions: c.SessionsTable, Limits: c.LimitsTable})
	service := &identity.Service{
		Accounts: store, Sessions: store, Limits: store,
		Passwords:   passwordhash.New(hashesAtOnce),
		Tokens:      accesstoken.New(c.SiteURL+"/api", keys),
		Messages:    sqssend.New(sqs.NewFromConfig(p.AWS), map[message.Queue]string{message.QueueNotifications: c.NotificationsQueueURL}),
		RefreshKeys: refreshKeys, LinkKeys: linkKeys,
		Site: c.SiteURL, AllowedOrigins: c.AllowedOrigins, Edge: edge, Rates: rates, Random: p.Random, Log: p.Log, Now: p.Now,
	}
	return service.Routes(), nil
}
