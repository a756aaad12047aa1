// Package topologytest has sample values of a deployment, so that a test can read the config of each binary as a deployment
// would provide it.
package topologytest

import (
	_ "embed"
	"strings"

	"boxoffice/contracts/topology"
)

// tokenKeys is a sample of the secret with the keys of access tokens. Its key signs nothing.
//
//go:embed tokenkeys.json
var tokenKeys string

// Values returns a valid sample value for every reference that the functions of a topology can name. The Stripe values are of
// test mode.
func Values(t topology.Topology) topology.Values {
	values := t.Numbers()
	for _, q := range t.Queues {
		suffix := ".fifo"
		if q.Standard() {
			suffix = ""
		}
		values["queueUrl:"+q.Name] = "https://sqs.example.com/123456789012/" + q.Name + suffix
	}
	for _, table := range t.Tables {
		values["tableName:"+table.Name] = "sample-" + table.Name
	}
	for _, b := range t.Buses {
		values["busName:"+b.Name] = "sample-" + b.Name
	}
	for name, value := range map[string]string{
		"redisAddress":    "rediss://redis.example.com:6379",
		"redisReaderUser": "reader", "redisReaderPassword": "password-of-reader",
		"redisWriterUser": "writer", "redisWriterPassword": "password-of-writer",
		"redisPayUser": "pay", "redisPayPassword": "password-of-pay",
		"environment": "sample", "paymentMode": "test",
		"stripePublishableKey": "pk_test_sample", "stripeApiBase": "https://stripe.example.com",
		"secret:order-ids":      "1:" + strings.Repeat("A", 43),
		"secret:origin":         strings.Repeat("o", 32) + "," + strings.Repeat("p", 32),
		"secret:token-keys":     tokenKeys,
		"secret:sessions":       "1:" + strings.Repeat("B", 43),
		"secret:ticket-key":     `{"keys":[{"id":1,"signsFrom":"2030-01-01T00:00:00Z","seed":"` + strings.Repeat("A", 43) + `="}]}`,
		"secret:mail-links":     "1:" + strings.Repeat("C", 43),
		"siteUrl":               "https://boxoffice.example",
		"rateLimits":            "production",
		"mailFrom":              "Boxoffice <tickets@boxoffice.example>",
		"mailConfigurationSet":  "sample-mails",
		"secret:push-tickets":   "1:" + strings.Repeat("D", 43),
		"pushUrl":               "wss://boxoffice.example/push",
		"connectionsEndpoint":   "https://sample.execute-api.eu-central-1.amazonaws.com/push",
		"allowedOrigins":        "",
		"mailOutbox":            "",
		"secret:stripe-api":     "sk_test_sample",
		"secret:stripe-webhook": "whsec_sample",
	} {
		values[name] = value
	}
	return values
}
