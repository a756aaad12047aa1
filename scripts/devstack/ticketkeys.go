package main

import (
	"fmt"
	"path/filepath"

	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/devstack/internal/stack"
)

// writeTicketKeys writes the public keys with which gates check tickets, where the gateway serves them.
func writeTicketKeys(f stack.Folder, secret string) error {
	keys, err := ticketcode.ParseKeys(secret)
	if err != nil {
		return err
	}
	published, err := keys.Published()
	if err != nil {
		return fmt.Errorf("ticket keys: %w", err)
	}
	return stack.WriteFile(filepath.Join(f.WellKnown(), ticketcode.PublishedName), published)
}
