// Package gatewaypush sends to WebSocket connections, and closes them, through the management API of API Gateway.
package gatewaypush

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/retry"
)

// timeoutPerCall bounds one call. There is no second attempt: after a lost response the text may have been sent.
const timeoutPerCall = time.Second

// Gateway is the management API of one WebSocket API. It is safe for concurrent use.
type Gateway struct {
	client  *apigatewaymanagementapi.Client
	breaker retry.Breaker
}

var _ notify.Gateway = (*Gateway)(nil)

// New makes a Gateway. endpoint is the address of the API's stage: scheme, host and path. The breaker should use Healthy as its
// IsSuccessful.
func New(config aws.Config, endpoint string, breaker retry.Breaker) *Gateway {
	return &Gateway{breaker: breaker, client: apigatewaymanagementapi.NewFromConfig(config, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = aws.String(endpoint)
	})}
}

// Healthy is the IsSuccessful of a breaker before the gateway: connections end all the time.
func Healthy(err error) bool {
	return err == nil || errors.Is(err, notify.ErrGone) || errors.Is(err, notify.ErrFrameRefused)
}

// Post implements notify.Gateway.
func (g *Gateway) Post(ctx context.Context, connectionID string, text []byte) error {
	return g.call(ctx, func(ctx context.Context) error {
		_, err := g.client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: aws.String(connectionID), Data: text})
		return err
	})
}

// Close implements notify.Gateway.
func (g *Gateway) Close(ctx context.Context, connectionID string) error {
	return g.call(ctx, func(ctx context.Context) error {
		_, err := g.client.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: aws.String(connectionID)})
		return err
	})
}

func (g *Gateway) call(ctx context.Context, op func(context.Context) error) error {
	return g.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Once(ctx, timeoutPerCall, func(ctx context.Context) error { return classified(op(ctx)) })
	})
}

// classified returns the error of the port that an error means. A throttle, a missing permission and every other error may pass.
func classified(err error) error {
	var (
		gone     *types.GoneException
		tooLarge *types.PayloadTooLargeException
		coded    interface{ ErrorCode() string }
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &gone):
		return notify.ErrGone
	case errors.As(err, &tooLarge), errors.As(err, &coded) && coded.ErrorCode() == "BadRequestException":
		return fmt.Errorf("%w: %w", notify.ErrFrameRefused, err)
	default:
		return err
	}
}
