package main

import (
	"bufio"
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"boxoffice/contracts/tokenkeys"
	"boxoffice/scripts/devstack/internal/accounts"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/localtokens"
)

type tokenCommand struct {
	User     string         `help:"The user's id; with --count the prefix of the ids." default:"buyer"`
	Operator bool           `help:"Give the token the scope operator as well, and its account the right to it."`
	Count    int            `help:"Print this many lines 'userId token' for USER-1, USER-2, … instead of one token."`
	TTL      *time.Duration `name:"ttl" help:"How long the token is valid, negative for an expired one (default: 15m; with --count 12h, since making the tokens of a load test takes long)."`
}

const (
	countTTL    = 12 * time.Hour
	maxTokens   = 1_000_000
	maxUserName = 100
)

// Run implements the command.
func (c *tokenCommand) Run(ctx context.Context, a *app, root *commands) error {
	if c.User == "" || len(c.User) > maxUserName || strings.ContainsAny(c.User, " \t\n\r") {
		return cli.Misuse(fmt.Errorf("--user: 1 to %d characters without blanks wanted", maxUserName))
	}
	if c.Count < 0 || c.Count > maxTokens {
		return cli.Misuse(fmt.Errorf("--count: 1 to %d wanted", maxTokens))
	}
	d, err := a.describe(root.Stack)
	if err != nil {
		return err
	}
	now := a.now()
	key, err := signingKey(d.folder, now)
	if err != nil {
		return err
	}
	ttl := localtokens.TTL
	switch {
	case c.TTL != nil:
		ttl = *c.TTL
	case c.Count > 0:
		ttl = countTTL
	}
	issuer := d.settings.Issuer()
	users := c.users()
	claimsOf := func(user string) localtokens.Claims {
		claims := localtokens.ClaimsOf(issuer, user, now, ttl)
		if c.Operator {
			claims.Scope += " " + tokenkeys.ScopeOperator
		}
		return claims
	}
	// The emulator writes the accounts while this program signs.
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return writeAccounts(ctx, d, users, c.Operator, now) })
	var lines []string
	both.Go(func() (err error) {
		lines, err = signMany(ctx, len(users), func(i int) (string, error) {
			token, err := key.Sign(claimsOf(users[i]))
			if err != nil || c.Count == 0 {
				return token, err
			}
			return users[i] + " " + token, nil
		})
		return err
	})
	if err := both.Wait(); err != nil {
		return err
	}
	out := bufio.NewWriter(a.out)
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// users returns the user ids of the tokens.
func (c *tokenCommand) users() []string {
	if c.Count == 0 {
		return []string{c.User}
	}
	ids := make([]string, c.Count)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", c.User, i+1)
	}
	return ids
}

// writeAccounts writes the accounts of tokens, so that they have an answer at /api/me.
func writeAccounts(ctx context.Context, d description, users []string, operator bool, now time.Time) error {
	table, found := d.values["tableName:users"]
	if !found {
		return nil // the stack was brought up by a version without accounts
	}
	cfg, err := awsConfig(ctx, d.settings)
	if err != nil {
		return err
	}
	return accounts.Write(ctx, dynamodb.NewFromConfig(cfg), table, users, operator, now)
}

// signMany runs sign for 0 to n-1 on every core, since a signature takes about a millisecond.
func signMany(ctx context.Context, n int, sign func(i int) (string, error)) ([]string, error) {
	lines := make([]string, n)
	group, ctx := errgroup.WithContext(ctx)
	workers := min(runtime.GOMAXPROCS(0), n)
	for worker := range workers {
		group.Go(func() error {
			for i := worker; i < n; i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				line, err := sign(i)
				if err != nil {
					return err
				}
				lines[i] = line
			}
			return nil
		})
	}
	return lines, group.Wait()
}
