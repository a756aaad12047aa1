package admission_test

import (
	"errors"
	"testing"
	"time"

	"boxoffice/producers/internal/admission"
)

func TestLagOverAMinuteRefuses(t *testing.T) {
	for code, check := range map[string]func(time.Duration) error{"queue_full": admission.CheckQueue, "payment_busy": admission.CheckPayments} {
		for _, lag := range []time.Duration{0, time.Minute} {
			if err := check(lag); err != nil {
				t.Errorf("%s: refused at %s: %v", code, lag, err)
			}
		}
		var refusal *admission.Refusal
		if err := check(time.Minute + 1); !errors.As(err, &refusal) || refusal.Code != code || refusal.RetryAfter != 15*time.Second {
			t.Errorf("%s: got %+v, %v", code, refusal, err)
		}
	}
}

func TestOutageUnderHalfAMinuteRefusesNobody(t *testing.T) {
	for outage, want := range map[time.Duration]bool{0: true, 30*time.Second - 1: true, 30 * time.Second: false, time.Hour: false} {
		if got := admission.AcceptsBlindly(outage); got != want {
			t.Errorf("%s: got %t", outage, got)
		}
	}
}
