// Package mailoutbox writes letters to a folder, one file each, in place of sending them.
package mailoutbox

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"boxoffice/producers/internal/identity"
)

// Outbox is safe for concurrent use.
type Outbox struct {
	folder string
	random io.Reader
}

var _ identity.Outbox = Outbox{}

// New makes an outbox with a folder, which need not exist yet. Without a folder letters are dropped. random makes the files' names.
func New(folder string, random io.Reader) Outbox { return Outbox{folder, random} }

// nameBytes make a file's name that no other file has.
const nameBytes = 12

// Deliver implements identity.Outbox. A reader of the folder sees a letter whole or not at all: its name ends in .json once it is
// written. The error contains nothing of the letter.
func (o Outbox) Deliver(_ context.Context, l identity.Letter) error {
	if o.folder == "" {
		return nil
	}
	content, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode a letter: %w", err)
	}
	var b [nameBytes]byte
	if _, err := io.ReadFull(o.random, b[:]); err != nil {
		return fmt.Errorf("name a letter: %w", err)
	}
	if err := os.MkdirAll(o.folder, 0o700); err != nil {
		return fmt.Errorf("write a letter: %w", err)
	}
	path := filepath.Join(o.folder, hex.EncodeToString(b[:]))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write a letter: %w", err)
	}
	if err := os.Rename(path, path+".json"); err != nil {
		return fmt.Errorf("write a letter: %w", err)
	}
	return nil
}
