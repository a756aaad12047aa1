package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/alecthomas/kong"

	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/stripedouble/internal/server"
)

type options struct {
	Listen         string   `default:"127.0.0.1:12111" help:"Address to listen on." env:"STRIPE_DOUBLE_LISTEN"`
	SecretKey      string   `required:"" help:"Key of the account, sk_test_…" env:"STRIPE_SECRET_KEY"`
	PublishableKey string   `required:"" help:"Key of browsers, pk_test_…" env:"STRIPE_PUBLISHABLE_KEY"`
	Endpoint       string   `help:"Webhook endpoint that is there from the start." env:"STRIPE_WEBHOOK_ENDPOINT"`
	EndpointEvents []string `default:"*" help:"Types of the events that it gets, * for all." env:"STRIPE_WEBHOOK_EVENTS"`
	EndpointSecret string   `help:"Secret that its events are signed with, whsec_…" env:"STRIPE_WEBHOOK_SECRET"`
}

// Validate is called by the command line parser. The double moves no money, so it accepts only keys of test mode; a live key here
// is a mistake. The error does not contain the key.
func (o options) Validate() error {
	return errors.Join(
		inArgument("--secret-key", stripeevent.CheckKey(o.SecretKey, message.ModeTest, stripeevent.KeySecret)),
		inArgument("--publishable-key", stripeevent.CheckKey(o.PublishableKey, message.ModeTest, stripeevent.KeyPublishable)),
	)
}

func inArgument(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// run is the program. It ends when ctx does. Exit codes: 0 success, 1 failure, 2 wrong usage.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var o options
	return cli.Run("stripedouble", &o, args, out, errOut, func(*kong.Context) error { return serve(ctx, o, errOut) },
		kong.Description("Stands in for Stripe: PaymentIntents, refunds, events and signed webhooks, stateful and strict."))
}

// idLength is the length of an id's random part.
const idLength = 24

func serve(ctx context.Context, o options, errOut io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return err
	}
	s := server.New(server.Options{
		SecretKey: o.SecretKey, PublishableKey: o.PublishableKey, Base: "http://" + listener.Addr().String(), Now: time.Now,
		NewID: func(prefix string) string { return prefix + rand.Text()[:idLength] }, Wait: wait, Log: slog.New(slog.NewJSONHandler(errOut, nil)),
	})
	if o.Endpoint != "" {
		s.Endpoint(o.Endpoint, o.EndpointSecret, o.EndpointEvents)
	}
	host := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = host.Close() })
	err = host.Serve(listener)
	s.Close()
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func wait(stop <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-stop:
	case <-timer.C:
	}
}
