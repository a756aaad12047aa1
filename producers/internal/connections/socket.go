package connections

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/frame"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/socketapi"
)

const (
	// protocolHeader has what a client may set at a handshake in a browser: the subprotocol and the ticket.
	protocolHeader = "Sec-WebSocket-Protocol"
	// itemMargin is how much longer than a connection its item lives, and than a ticket the mark that it is used. The clocks of
	// gateway, function and table may differ.
	itemMargin = 10 * time.Minute
)

// offered returns the ticket of a handshake. The error is a *httpapi.Problem.
func offered(r socketapi.Request) (string, error) {
	var protocols []string
	for protocol := range strings.SplitSeq(r.Header(protocolHeader), ",") {
		protocols = append(protocols, strings.TrimSpace(protocol))
	}
	switch {
	case protocols[0] != frame.Subprotocol:
		return "", httpapi.NewProblem(httpapi.CodeInvalidRequest, "The first subprotocol must be "+frame.Subprotocol+".")
	case len(protocols) == 1:
		return "", httpapi.NewProblem(httpapi.CodeUnauthorized, "The handshake has no ticket.")
	case len(protocols) > 2:
		return "", httpapi.NewProblem(httpapi.CodeInvalidRequest, "The subprotocols must be "+frame.Subprotocol+" and a ticket.")
	}
	return protocols[1], nil
}

// connect answers the handshake of a connection.
func (s *Service) connect(ctx context.Context, r socketapi.Request) (socketapi.Response, error) {
	text, err := offered(r)
	if err != nil {
		return socketapi.Response{}, err
	}
	t, err := s.open(text)
	if err != nil {
		s.refused(ctx, r, err.Error())
		return socketapi.Response{}, httpapi.NewProblem(httpapi.CodeUnauthorized, "The ticket is not valid. Ask for a new one.")
	}
	// The function's clock, not the gateway's: CloseConnections has a time by identity's clock, and both are functions of ours.
	now := s.Now()
	used, err := s.Store.Open(ctx, readmodel.Connection{
		ConnectionID: r.ConnectionID(), UserID: t.userID, ConnectedAt: contracts.InstantOf(now), ExpiresAt: now.Add(frame.Life + itemMargin).Unix(),
	}, t.nonce, t.ends.Add(itemMargin))
	switch {
	case err != nil:
		s.Log.WarnContext(ctx, "connection not stored", telemetry.KeyError, err.Error(), telemetry.KeyConnection, r.ConnectionID(), telemetry.KeyTrace, telemetry.Trace(ctx))
		return socketapi.Response{}, httpapi.NewProblem(httpapi.CodeUnavailable, "Connections cannot be opened right now. Try again.")
	case used:
		s.refused(ctx, r, "used")
		return socketapi.Response{}, httpapi.NewProblem(httpapi.CodeForbidden, "The ticket has been used. Ask for a new one.")
	}
	return socketapi.Response{StatusCode: http.StatusOK, Headers: map[string]string{protocolHeader: frame.Subprotocol}}, nil
}

// refused logs why a ticket was refused, and nothing of the ticket.
func (s *Service) refused(ctx context.Context, r socketapi.Request, why string) {
	s.Log.InfoContext(ctx, "ticket refused", telemetry.KeyReason, why, telemetry.KeyConnection, r.ConnectionID(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

// disconnect deletes a connection that has ended. The gateway does not always say that one has, so items have an end of their own.
func (s *Service) disconnect(ctx context.Context, r socketapi.Request) (socketapi.Response, error) {
	if err := s.Store.Close(ctx, r.ConnectionID()); err != nil {
		return socketapi.Response{}, fmt.Errorf("delete a connection: %w", err)
	}
	return socketapi.Response{StatusCode: http.StatusOK}, nil
}

// message answers a message of a client: a ping with a pong, everything else with an error. The connection stays open, and so does
// its item: a client that errs still hears of its orders.
func (s *Service) message(_ context.Context, r socketapi.Request) (socketapi.Response, error) {
	return socketapi.JSON(reply(r.Body, r.IsBase64Encoded))
}

// reply returns the frame that answers a message.
func reply(body string, binary bool) any {
	if binary {
		return frame.NewError(frame.CodeInvalidRequest, "Messages are text.")
	}
	if len(body) > frame.MaxFromClient {
		return frame.NewError(frame.CodeMessageTooLarge, fmt.Sprintf("A message may have at most %d bytes.", frame.MaxFromClient))
	}
	if !json.Valid([]byte(body)) {
		return frame.NewError(frame.CodeInvalidJSON, "The message is not JSON.")
	}
	var given struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal([]byte(body), &given); err != nil || given.Type == nil {
		return frame.NewError(frame.CodeInvalidRequest, "The message must be an object with a type.")
	}
	if *given.Type != frame.TypePing {
		return frame.NewError(frame.CodeUnknownType, "The only type of message is "+frame.TypePing+".")
	}
	return frame.NewPong()
}
