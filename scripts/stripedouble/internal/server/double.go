package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"boxoffice/scripts/stripedouble/internal/stripe"
)

// double registers the test API, which Stripe does not have. It is for tests and operators.
//
//	GET    /double/health                 200
//	GET    /double/journal                every effect, oldest first
//	GET    /double/deliveries             every attempt of a delivery, oldest first
//	POST   /double/deliveries             sets Deliveries
//	POST   /double/deliveries/release     delivers the held events; {"order":"reverse"}
//	POST   /double/faults                 adds a Fault; GET lists them, DELETE removes all
//	POST   /double/advance                {"seconds":n} moves the clock forward
//	POST   /double/refunds/{id}/settle    gives a refund its final status
//	POST   /double/payment_intents/{id}/lose   removes the payment method of an authorisation
//	POST   /double/payment_intents/{id}/dispute   the cardholder disputes the captured charge
//	POST   /double/reset                  deletes everything except the endpoints
func (s *Server) double() {
	s.mux.HandleFunc("GET /double/health", func(w http.ResponseWriter, _ *http.Request) { show(w, map[string]string{"status": "ready"}, nil) })
	s.mux.HandleFunc("GET /double/journal", func(w http.ResponseWriter, _ *http.Request) {
		show(w, map[string]any{"effects": append([]stripe.Effect{}, s.account.Journal()...)}, nil)
	})
	s.mux.HandleFunc("GET /double/deliveries", func(w http.ResponseWriter, _ *http.Request) {
		s.hooks.mu.Lock()
		defer s.hooks.mu.Unlock()
		show(w, map[string]any{"attempts": append([]attempt{}, s.hooks.attempts...), "held": len(s.hooks.held)}, nil)
	})
	s.mux.HandleFunc("POST /double/deliveries", withBody(func(_ *http.Request, d Deliveries) (any, *stripe.Error) {
		s.hooks.mu.Lock()
		defer s.hooks.mu.Unlock()
		s.hooks.settings = d
		return d, nil
	}))
	s.mux.HandleFunc("POST /double/deliveries/release", withBody(func(_ *http.Request, q struct {
		Order string `json:"order"`
	}) (any, *stripe.Error) {
		return map[string]int{"released": s.hooks.release(q.Order)}, nil
	}))
	s.mux.HandleFunc("POST /double/faults", withBody(func(_ *http.Request, f Fault) (any, *stripe.Error) { return f, s.faults.add(f) }))
	s.mux.HandleFunc("GET /double/faults", func(w http.ResponseWriter, _ *http.Request) { show(w, map[string]any{"faults": s.faults.list()}, nil) })
	s.mux.HandleFunc("DELETE /double/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.faults.clear()
		show(w, struct{}{}, nil)
	})
	s.mux.HandleFunc("POST /double/advance", withBody(func(_ *http.Request, q struct {
		Seconds int64 `json:"seconds"`
	}) (any, *stripe.Error) {
		s.account.Advance(time.Duration(q.Seconds) * time.Second)
		return map[string]string{"now": s.account.Now().UTC().Format(time.RFC3339)}, nil
	}))
	s.mux.HandleFunc("POST /double/refunds/{id}/settle", func(w http.ResponseWriter, r *http.Request) {
		object, problem := resultOf(s.account.Settle(r.PathValue("id")))
		show(w, object, problem)
	})
	s.mux.HandleFunc("POST /double/payment_intents/{id}/lose", func(w http.ResponseWriter, r *http.Request) {
		object, problem := resultOf(s.account.LoseMethod(r.PathValue("id")))
		show(w, object, problem)
	})
	s.mux.HandleFunc("POST /double/payment_intents/{id}/dispute", func(w http.ResponseWriter, r *http.Request) {
		object, problem := resultOf(s.account.Dispute(r.PathValue("id")))
		show(w, object, problem)
	})
	s.mux.HandleFunc("POST /double/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.account.Reset()
		s.keys.reset()
		s.faults.clear()
		s.hooks.reset()
		show(w, struct{}{}, nil)
	})
}

// withBody decodes a JSON body, without unknown members, and passes it to do.
func withBody[Q any](do func(*http.Request, Q) (any, *stripe.Error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			show(w, nil, stripe.InvalidParam("", "", "Invalid body: %v", err))
			return
		}
		object, problem := do(r, q)
		show(w, object, problem)
	}
}

func show(w http.ResponseWriter, object any, problem *stripe.Error) {
	if problem != nil {
		write(w, problem.HTTPStatus, errorBody(problem))
		return
	}
	body, err := json.Marshal(object)
	if err != nil {
		write(w, http.StatusInternalServerError, errorBody(apiError(http.StatusInternalServerError)))
		return
	}
	write(w, http.StatusOK, body)
}

// browser registers the bank's page for cards with a challenge (3-D Secure).
func (s *Server) browser() {
	s.mux.HandleFunc("GET /double/3ds/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		i, problem := s.account.Intent(r.PathValue("id"))
		if problem != nil || i.Status != stripe.RequiresAction {
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, "<!doctype html><title>3-D Secure</title><p>Nothing to approve here.</p>")
			return
		}
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>3-D Secure</title><body><main>
<h1>Your bank asks</h1><p>Pay %d.%02d %s?</p>
<form method="post"><button name="outcome" value="succeed">Approve</button> <button name="outcome" value="fail">Refuse</button></form>
</main></body></html>`, i.Amount/100, i.Amount%100, i.Currency)
	})
	s.mux.HandleFunc("POST /double/3ds/{id}", func(w http.ResponseWriter, r *http.Request) {
		outcome := r.PostFormValue("outcome")
		if outcome != "succeed" && outcome != "fail" {
			show(w, nil, stripe.InvalidParam("", "outcome", "outcome must be succeed or fail"))
			return
		}
		var back string
		if i, problem := s.account.Intent(r.PathValue("id")); problem == nil && i.NextAction != nil && i.NextAction.RedirectToURL.ReturnURL != nil {
			back = *i.NextAction.RedirectToURL.ReturnURL
		}
		i, problem := s.account.FinishChallenge(r.PathValue("id"), outcome == "succeed")
		if problem == nil && back != "" {
			http.Redirect(w, r, back, http.StatusSeeOther) //nolint:gosec // the return URL that our own page passed
			return
		}
		show(w, i, problem)
	})
}
