package main

import (
	"fmt"
	"strings"

	"boxoffice/contracts/origin"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/stack"
)

// nameSecrets sets the value of each reference to a secret to an ARN, as on AWS, and returns the secret of each ARN for the
// imitated extension.
func (u *ascent) nameSecrets() (map[string]string, error) {
	set, err := loadTokenKeys(u.folder)
	if err != nil {
		return nil, err
	}
	tokenKeys, err := set.Encode()
	if err != nil {
		return nil, err
	}
	have := map[string]string{
		"secret:token-keys": tokenKeys, "secret:sessions": u.secrets.Sessions, "secret:mail-links": u.secrets.MailLinks,
		"secret:push-tickets": u.secrets.PushTickets, "secret:ticket-key": u.secrets.TicketKey,
		"secret:origin":    u.secrets.Origin,
		"secret:order-ids": u.secrets.OrderIDs, "secret:stripe-api": u.secrets.Stripe.Secret, "secret:stripe-webhook": u.secrets.Stripe.Webhook,
		"redisReaderPassword": u.secrets.Redis[stack.RedisReader], "redisWriterPassword": u.secrets.Redis[stack.RedisWriter],
		"redisPayPassword": u.secrets.Redis[stack.RedisPay],
	}
	if u.settings.Edge {
		have[origin.Reference] = u.secrets.Origin
	}
	byARN := map[string]string{}
	for _, f := range u.topology.Functions {
		for _, reference := range f.Environment {
			if !topology.IsSecret(reference) {
				continue
			}
			if reference == origin.Reference && !u.settings.Edge {
				// Nothing adds the header, so functions must not ask for it.
				u.values[reference] = ""
				continue
			}
			value, ok := have[reference]
			if !ok {
				return nil, fmt.Errorf("a local stack has no value for the secret %s", reference)
			}
			arn := secretARN(u.settings, reference)
			u.values[reference], byARN[arn] = arn, value
		}
	}
	return byARN, nil
}

// secretARN returns an ARN in the form of Secrets Manager's, which end in six random characters.
func secretARN(s stack.Settings, reference string) string {
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s/%s-000000", stack.Region, s.Account, s.Name, strings.TrimPrefix(reference, "secret:"))
}
