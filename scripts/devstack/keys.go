package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"boxoffice/contracts/tokenkeys"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/localtokens"
)

const (
	audience        = localtokens.Audience
	wellKnownPrefix = "/api" + localtokens.WellKnown
)

// ensureTokenKeys creates the stack's key of tokens if there is none, and writes the documents that gateways read.
func ensureTokenKeys(f stack.Folder, issuer string, now time.Time) error {
	set, err := loadTokenKeys(f)
	if errors.Is(err, os.ErrNotExist) {
		var key localtokens.Key
		if key, err = localtokens.NewKey(); err == nil {
			set = key.Set()
		}
	}
	if err != nil {
		return err
	}
	discovery, err := localtokens.Discovery(issuer)
	if err != nil {
		return fmt.Errorf("discovery document: %w", err)
	}
	return errors.Join(saveTokenKeys(f, set, now), stack.WriteFile(filepath.Join(f.WellKnown(), localtokens.DiscoveryName), discovery))
}

func loadTokenKeys(f stack.Folder) (tokenkeys.Set, error) {
	content, err := os.ReadFile(f.TokenKeys())
	if err != nil {
		return nil, fmt.Errorf("keys of tokens: %w", err)
	}
	return tokenkeys.Parse(string(content))
}

// saveTokenKeys publishes the keys and stores them, in this order: a key that is stored and not published would be refused.
func saveTokenKeys(f stack.Folder, set tokenkeys.Set, now time.Time) error {
	published, err := localtokens.KeySet(set)
	if err != nil {
		return fmt.Errorf("key set: %w", err)
	}
	secret, err := set.Encode()
	if err != nil {
		return err
	}
	signing, err := localtokens.SigningKey(set, now)
	if err != nil {
		return err
	}
	pem, err := signing.PEM()
	if err != nil {
		return err
	}
	for _, file := range []struct {
		path    string
		content []byte
	}{{filepath.Join(f.WellKnown(), localtokens.KeySetName), published}, {f.TokenKeys(), []byte(secret)}, {f.SigningKey(), pem}} {
		if err := stack.WriteFile(file.path, file.content); err != nil {
			return err
		}
	}
	return nil
}

func signingKey(f stack.Folder, now time.Time) (localtokens.Key, error) {
	set, err := loadTokenKeys(f)
	if err != nil {
		return localtokens.Key{}, err
	}
	return localtokens.SigningKey(set, now)
}

type keysCommand struct {
	Show   keysShowCommand   `cmd:"" default:"1" help:"Show the keys that are published, and what each is good for."`
	Rotate keysRotateCommand `cmd:"" help:"Publish a new key, which signs 2 h later, and remove keys of which no token can be valid."`
}

type keysShowCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run implements the command.
func (c *keysShowCommand) Run(a *app, root *commands) error {
	d, err := a.describe(root.Stack)
	if err != nil {
		return err
	}
	set, err := loadTokenKeys(d.folder)
	if err != nil {
		return err
	}
	return a.showKeys(set, c.JSON)
}

type keysRotateCommand struct {
	DryRun bool `help:"Change nothing; show what would be published."`
	JSON   bool `name:"json" help:"Print JSON."`
}

// Run implements the command. While a key waits it fails and changes nothing.
func (c *keysRotateCommand) Run(_ context.Context, a *app, root *commands) error {
	f, unlock, err := a.lock(root.Stack)
	if err != nil {
		return err
	}
	defer unlock() //nolint:errcheck // the end of the process unlocks too
	if _, err := a.describe(f.Name); err != nil {
		return err
	}
	set, err := loadTokenKeys(f)
	if err != nil {
		return err
	}
	next, err := localtokens.Rotate(set, a.now())
	if err != nil {
		return err
	}
	if err := a.showKeys(next, c.JSON); err != nil {
		return err
	}
	if c.DryRun {
		a.progress("dry run: nothing was changed, and the new key is forgotten")
		return nil
	}
	if err := saveTokenKeys(f, next, a.now()); err != nil {
		return err
	}
	// On AWS processes end by themselves within hours; here they read the new keys when the stack is brought up again.
	a.progress("published; the functions of this stack sign with the new key after a make up%s that is later than its time", stackArgument(f.Name))
	return nil
}

// shownKey is a key as the commands print it.
type shownKey struct {
	ID        string          `json:"kid"`
	State     tokenkeys.State `json:"state"`
	SignsFrom *time.Time      `json:"signsFrom,omitempty"`
	LeavesAt  *time.Time      `json:"leavesAt,omitempty"`
}

func (a *app) showKeys(set tokenkeys.Set, asJSON bool) error {
	var all []shownKey
	for _, s := range set.Statuses(a.now()) {
		all = append(all, shownKey{ID: s.ID, State: s.State, SignsFrom: instant(s.SignsFrom), LeavesAt: instant(s.LeavesAt)})
	}
	if asJSON {
		return a.printJSON(all)
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	text := func(t *time.Time, otherwise string) string {
		if t == nil {
			return otherwise
		}
		return t.Format(time.RFC3339)
	}
	if _, err := fmt.Fprintln(table, "KEY\tSTATE\tSIGNS FROM\tMAY LEAVE"); err != nil {
		return err
	}
	for _, k := range all {
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", k.ID, k.State, text(k.SignsFrom, "the beginning"), text(k.LeavesAt, "never, without a successor")); err != nil {
			return err
		}
	}
	return table.Flush()
}

// instant returns nil for the zero time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
