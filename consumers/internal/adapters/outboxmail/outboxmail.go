// Package outboxmail writes mails to a folder in place of sending them: one .eml file for each logical id. It is for the local
// stack.
package outboxmail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/notify"
)

// Outbox is a folder. It is safe for concurrent use, also by several processes.
type Outbox struct{ folder string }

var _ notify.Mailer = Outbox{}

// New makes an Outbox with a folder, which need not exist yet.
func New(folder string) Outbox { return Outbox{folder} }

// FileName is the name of a mail's file: the kind, and a text that is different for each logical id.
func FileName(m mails.Mail) string { return string(m.Kind) + "-" + m.Hash() + ".eml" }

// Send implements notify.Mailer. A second copy of a mail replaces the first. A reader of the folder sees a mail whole or not at all:
// its name ends in .eml once it is written.
func (o Outbox) Send(ctx context.Context, m mails.Mail) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	if err := os.MkdirAll(o.folder, 0o700); err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	file, err := os.CreateTemp(o.folder, "mail-*.tmp")
	if err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	_, err = file.Write(m.Raw)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(o.folder, FileName(m)))
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the folder is for people; a rest in it does no harm
		return fmt.Errorf("write a mail: %w", err)
	}
	return nil
}
