package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"boxoffice/scripts/devstack/internal/redisserver"
	"boxoffice/scripts/devstack/internal/stack"
)

type envCommand struct {
	JSON bool `help:"Print a JSON object."`
}

// Run implements the command.
func (c *envCommand) Run(a *app, root *commands) error {
	d, err := a.describe(root.Stack)
	if err != nil {
		return err
	}
	variables, err := d.variables()
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(variables)
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if _, err := fmt.Fprintf(a.out, "export %s=%s\n", name, shellQuote(variables[name])); err != nil {
			return err
		}
	}
	return nil
}

// variables returns what tests and people find the stack by. They rely on the names, which README.md lists.
func (d description) variables() (map[string]string, error) {
	concert, err := mainConcert()
	if err != nil {
		return nil, err
	}
	arena, err := arenaConcert()
	if err != nil {
		return nil, err
	}
	variables := awsEnvironment(d.settings)
	maps.Copy(variables, map[string]string{
		"STACK":                  d.settings.Name,
		"SITE_URL":               d.settings.SiteURL(),
		"API_BASE_URL":           d.settings.Issuer(),
		"GATEWAY_URL":            d.settings.GatewayURL(),
		"REDIS_URL":              redisserver.URL(d.settings.Ports, stack.RedisAdmin, d.secrets.Redis[stack.RedisAdmin]),
		"STRIPE_API_BASE":        d.settings.StripeURL(),
		"STRIPE_SECRET_KEY":      d.secrets.Stripe.Secret,
		"STRIPE_PUBLISHABLE_KEY": d.secrets.Stripe.Publishable,
		"STRIPE_WEBHOOK_SECRET":  d.secrets.Stripe.Webhook,
		"CONCERT_ID":             concert,
		"ARENA_CONCERT_ID":       arena,
		"HOLD_SECONDS":           fmt.Sprint(d.topology.HoldSeconds),
		"LAMBDAHOST_CONTROL_URL": d.settings.ControlURL(),
		"STACK_LOGS":             d.folder.Logs(),
		"STACK_SIGNING_KEY":      d.folder.SigningKey(),
		"MAIL_OUTBOX":            d.folder.MailOutbox(),
		"PUSH_URL":               d.settings.PushURL(),
		"CONNECTIONS_URL":        d.settings.ConnectionsURL(),
	})
	for _, q := range d.topology.Queues {
		variables[variableName(q.Name)+"_QUEUE_URL"] = d.values["queueUrl:"+q.Name]
	}
	for _, t := range d.topology.Tables {
		variables[variableName(t.Name)+"_TABLE"] = d.values["tableName:"+t.Name]
	}
	for _, b := range d.topology.Buses {
		variables[variableName(b.Name)+"_BUS"] = d.values["busName:"+b.Name]
	}
	return variables, nil
}

func variableName(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// shellQuote quotes a text so that every POSIX shell reads it as one word.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
