package operations

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/tokenkeys"
	"boxoffice/producers/internal/httpapi"
)

// LetterReader reads the dead letters. It is safe for concurrent use.
type LetterReader interface {
	// DeadLetters returns at most limit letters, the newest first, beginning after a key; a key without a letter is before all. last
	// is the key of the last of them, more says that there are others. The letters have no body and no attributes. A letter that was
	// kept within the last second may be missing. It blocks until then or until ctx ends.
	DeadLetters(ctx context.Context, after readmodel.LetterKey, limit int) (letters []readmodel.DeadLetter, last readmodel.LetterKey, more bool, err error)
}

// DeadLetters answers GET /api/ops/dead-letters. It is safe for concurrent use.
type DeadLetters struct {
	Reader LetterReader
	Log    *slog.Logger
}

type lettersView struct {
	DeadLetters []letterView `json:"deadLetters"`
	NextCursor  string       `json:"nextCursor,omitempty"`
}

// letterView has nothing that a sender could have written freely: neither body nor attributes.
type letterView struct {
	MessageID string            `json:"messageId"`
	Type      string            `json:"type"`
	Queue     string            `json:"queue,omitempty"`
	Kind      string            `json:"kind,omitempty"`
	OrderID   contracts.OrderID `json:"orderId,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	At        contracts.Instant `json:"at"`
}

// letterCursor is the last letter of a page.
type letterCursor struct {
	ListedAt   string `json:"a"`
	MessageKey string `json:"k"`
}

// Handle implements httpapi.Handler.
func (h DeadLetters) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if _, err := r.RequireScope(tokenkeys.ScopeOperator); err != nil {
		return httpapi.Response{}, err
	}
	asked, err := httpapi.PageOf[letterCursor](r, "dead letters")
	if err != nil {
		return httpapi.Response{}, err
	}
	var after readmodel.LetterKey
	if cursor := asked.After; cursor != (letterCursor{}) {
		after = readmodel.LetterKey{List: readmodel.ListLetters, ListedAt: cursor.ListedAt, MessageKey: cursor.MessageKey}
		// The store refuses keys that are none.
		if _, _, ok := after.Source(); !ok || !messageKeyForm.MatchString(after.MessageKey) {
			return httpapi.Response{}, httpapi.InvalidCursor()
		}
	}
	letters, last, more, err := h.Reader.DeadLetters(ctx, after, asked.Limit)
	if err != nil {
		h.Log.WarnContext(ctx, "dead letters not read", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeUnavailable, "The dead letters cannot be read right now.")
	}
	view := lettersView{DeadLetters: []letterView{}}
	for _, letter := range letters {
		view.DeadLetters = append(view.DeadLetters, letterOf(letter))
	}
	if more {
		view.NextCursor = asked.Encode(letterCursor{ListedAt: last.ListedAt, MessageKey: last.MessageKey})
	}
	return httpapi.JSON(http.StatusOK, view, nil), nil
}

// Forms of what a letter shows. A message that somebody else put into a queue may have any text in its attributes; what has not the
// form of ours is left out. messageKeyForm is that of the keys of letters.
var (
	messageKeyForm = regexp.MustCompile(`^(message|event|stream)#[\x21-\x7e]{1,200}$`)
	kindForm       = regexp.MustCompile(`^[A-Z][A-Za-z]{0,39}$`)
	reasonForm     = regexp.MustCompile(`^[A-Za-z][A-Za-z_]{0,63}$`)
)

func letterOf(letter readmodel.DeadLetter) letterView {
	kind, id, _ := strings.Cut(letter.MessageKey, "#")
	v := letterView{MessageID: id, Type: kind, Queue: letter.Queue, At: letter.At}
	if kindForm.MatchString(letter.Kind) {
		v.Kind = letter.Kind
	}
	if reasonForm.MatchString(letter.Reason) {
		v.Reason = letter.Reason
	}
	if _, err := contracts.ParseOrderID(string(letter.OrderID)); err == nil {
		v.OrderID = letter.OrderID
	}
	return v
}
