package identity

import (
	"context"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// closeConnections asks for the end of the account's open connections, of every device: a connection does not know its session, and a
// page that is still signed in opens another one. A failure is only logged, since the session has ended: without the message the
// connections end with their life, after 2 hours at most. userID "" means that there was no session.
func (s *Service) closeConnections(ctx context.Context, userID string) {
	if userID == "" {
		return
	}
	encoded, err := message.Encode(message.CloseConnections{UserID: userID, Until: contracts.InstantOf(s.Now())}, telemetry.Trace(ctx))
	if err == nil {
		err = s.Messages.Send(ctx, encoded)
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "connections not closed", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	}
}
