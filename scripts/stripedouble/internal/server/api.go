package server

import (
	"net/http"

	"boxoffice/scripts/stripedouble/internal/stripe"
)

// api registers Stripe's own paths. Each handler reads all parameters that it accepts.
func (s *Server) api() {
	s.handle("POST /v1/payment_intents", false, s.create)
	s.handle("GET /v1/payment_intents", false, s.listIntents)
	s.handle("GET /v1/payment_intents/{id}", true, s.retrieve)
	s.handle("POST /v1/payment_intents/{id}", false, s.update)
	s.handle("POST /v1/payment_intents/{id}/confirm", true, s.confirm)
	s.handle("POST /v1/payment_intents/{id}/capture", false, s.capture)
	s.handle("POST /v1/payment_intents/{id}/cancel", false, s.cancel)
	s.handle("POST /v1/refunds", false, s.refund)
	s.handle("GET /v1/refunds", false, s.listRefunds)
	s.handle("GET /v1/refunds/{id}", false, s.retrieveRefund)
	s.handle("GET /v1/events", false, s.listEvents)
	s.handle("GET /v1/events/{id}", false, s.retrieveEvent)
	s.handle("POST /v1/webhook_endpoints", false, s.createEndpoint)
	s.handle("GET /v1/webhook_endpoints", false, s.listEndpoints)
	s.handle("DELETE /v1/webhook_endpoints/{id}", false, s.deleteEndpoint)
	s.mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, &stripe.Error{HTTPStatus: http.StatusNotFound, Type: stripe.TypeInvalidRequest,
			Message: "Unrecognized request URL (" + r.Method + ": " + r.URL.Path + ")."})
	})
}

type result = func() (any, *stripe.Error)

// resultOf returns an untyped nil with a problem, so that the interface never holds a nil pointer.
func resultOf[T any](object T, problem *stripe.Error) (any, *stripe.Error) {
	if problem != nil {
		return nil, problem
	}
	return object, nil
}

func (s *Server) create(c *call) (result, *stripe.Error) {
	p := stripe.CreateParams{
		Amount: c.whole("amount", true), Currency: c.text("currency"), Description: c.optional("description"),
		CaptureMethod:      c.oneOf("capture_method", "automatic", "automatic", "automatic_async", "manual"),
		ConfirmationMethod: c.oneOf("confirmation_method", "automatic", "automatic", "manual"),
		Metadata:           c.metadata(), PaymentMethod: c.text("payment_method"), PaymentMethodTypes: c.list("payment_method_types"),
		ReturnURL: c.optional("return_url"),
	}
	if p.Currency == "" {
		c.fail(stripe.InvalidParam("parameter_missing", "currency", "Missing required param: currency."))
	}
	for _, kind := range p.PaymentMethodTypes {
		if kind != "card" {
			c.fail(stripe.InvalidParam("", "payment_method_types", "The payment method type %q is invalid: the double supports only cards.", kind))
		}
	}
	if len(p.PaymentMethodTypes) == 0 {
		p.PaymentMethodTypes = []string{"card"}
	}
	if confirm := c.flag("confirm"); confirm != nil {
		p.Confirm = *confirm
	}
	return func() (any, *stripe.Error) { return resultOf(s.account.Create(p, c.request)) }, nil
}

func (c *call) page() stripe.Page {
	return stripe.Page{
		Limit: int(c.whole("limit", false)), StartingAfter: c.text("starting_after"), EndingBefore: c.text("ending_before"),
		CreatedFrom: c.instant("created[gte]"), CreatedTo: c.instant("created[lte]"),
	}
}

func (s *Server) listIntents(c *call) (result, *stripe.Error) {
	page := c.page()
	if c.expand("data.latest_charge")["data.latest_charge"] {
		return func() (any, *stripe.Error) { return resultOf(s.account.ExpandedIntents(page)) }, nil
	}
	return func() (any, *stripe.Error) { return resultOf(s.account.Intents(page)) }, nil
}

func (s *Server) retrieve(c *call) (result, *stripe.Error) {
	secret := c.text("client_secret")
	if !c.browser && c.expand("latest_charge")["latest_charge"] {
		return func() (any, *stripe.Error) { return resultOf(s.account.ExpandedIntent(c.id())) }, nil
	}
	return func() (any, *stripe.Error) {
		if c.browser {
			return resultOf(s.account.BySecret(c.id(), secret))
		}
		return resultOf(s.account.Intent(c.id()))
	}, nil
}

func (s *Server) update(c *call) (result, *stripe.Error) {
	metadata, description := c.metadata(), c.optional("description")
	return func() (any, *stripe.Error) { return resultOf(s.account.Update(c.id(), metadata, description)) }, nil
}

// confirm accepts a payment method by its id, or a card number, which a page of ours passes on.
func (s *Server) confirm(c *call) (result, *stripe.Error) {
	p := stripe.ConfirmParams{
		PaymentMethod: c.text("payment_method"), ReturnURL: c.optional("return_url"), ClientSecret: c.text("client_secret"), Browser: c.browser,
	}
	c.flag("use_stripe_sdk")
	if kind := c.text("payment_method_data[type]"); kind != "" {
		number := c.text("payment_method_data[card][number]")
		for _, name := range []string{"exp_month", "exp_year", "cvc"} {
			c.text("payment_method_data[card][" + name + "]")
		}
		method, known := stripe.MethodOfNumber(number)
		if kind != "card" || !known {
			c.fail(&stripe.Error{HTTPStatus: http.StatusPaymentRequired, Type: stripe.TypeCard, Code: "incorrect_number", Param: "number", Message: "Your card number is incorrect."})
		}
		p.PaymentMethod = method
	}
	return func() (any, *stripe.Error) {
		i, problem := s.account.Confirm(c.id(), p, c.request)
		switch {
		case problem != nil && c.browser:
			return nil, stripe.ErrorForBrowser(problem)
		case problem != nil:
			return nil, problem
		case c.browser:
			return stripe.ForBrowser(i), nil
		}
		return i, nil
	}, nil
}

func (s *Server) capture(c *call) (result, *stripe.Error) {
	p := stripe.CaptureParams{Amount: c.whole("amount_to_capture", false)}
	expanded := c.expand("latest_charge")["latest_charge"]
	return func() (any, *stripe.Error) {
		i, problem := s.account.Capture(c.id(), p, c.request)
		if problem == nil && expanded {
			return resultOf(s.account.ExpandedIntent(i.ID))
		}
		return resultOf(i, problem)
	}, nil
}

func (s *Server) cancel(c *call) (result, *stripe.Error) {
	reason := c.text("cancellation_reason")
	return func() (any, *stripe.Error) { return resultOf(s.account.Cancel(c.id(), reason, c.request)) }, nil
}

func (s *Server) refund(c *call) (result, *stripe.Error) {
	p := stripe.RefundParams{
		PaymentIntent: c.text("payment_intent"), Charge: c.text("charge"), Amount: c.whole("amount", false), Metadata: c.metadata(),
	}
	if reason := c.oneOf("reason", "", "duplicate", "fraudulent", "requested_by_customer"); reason != "" {
		p.Reason = &reason
	}
	if p.PaymentIntent == "" && p.Charge == "" {
		c.fail(stripe.InvalidParam("parameter_missing", "charge", "One of the following params should be provided for this request: payment_intent or charge."))
	}
	return func() (any, *stripe.Error) { return resultOf(s.account.Refund(p, c.request)) }, nil
}

func (s *Server) listRefunds(c *call) (result, *stripe.Error) {
	intent, page := c.text("payment_intent"), c.page()
	return func() (any, *stripe.Error) { return resultOf(s.account.Refunds(intent, page)) }, nil
}

func (s *Server) retrieveRefund(c *call) (result, *stripe.Error) {
	return func() (any, *stripe.Error) { return resultOf(s.account.RefundByID(c.id())) }, nil
}

func (s *Server) listEvents(c *call) (result, *stripe.Error) {
	f := stripe.EventFilter{Types: c.list("types"), DeliverySuccess: c.flag("delivery_success")}
	if kind := c.text("type"); kind != "" {
		f.Types = append(f.Types, kind)
	}
	page := c.page()
	return func() (any, *stripe.Error) { return resultOf(s.account.Events(f, page)) }, nil
}

func (s *Server) retrieveEvent(c *call) (result, *stripe.Error) {
	return func() (any, *stripe.Error) { return resultOf(s.account.EventByID(c.id())) }, nil
}
