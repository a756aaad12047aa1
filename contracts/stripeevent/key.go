package stripeevent

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"boxoffice/contracts/message"
)

// Kinds of Stripe API keys. A key has the form KIND_MODE_…; secret and restricted keys are for servers, publishable keys for
// browsers.
const (
	KeySecret      = "sk"
	KeyRestricted  = "rk"
	KeyPublishable = "pk"
)

// CheckKey returns an error unless a key is of one of the kinds and of the mode. A key of the other mode would take real money
// in a test, or none from a buyer. The error does not contain the key.
func CheckKey(key string, mode message.PaymentMode, kinds ...string) error {
	kind, rest, _ := strings.Cut(key, "_")
	if !slices.Contains(kinds, kind) {
		return fmt.Errorf("the key is of another kind than %s", strings.Join(kinds, "_, ")+"_")
	}
	of, random, _ := strings.Cut(rest, "_")
	switch {
	case of != string(message.ModeLive) && of != string(message.ModeTest) || random == "" || strings.ContainsAny(key, " \t\r\n"):
		return errors.New("the key is not of the form of Stripe's: kind_live_… or kind_test_…")
	case of != string(mode):
		return fmt.Errorf("the key is of mode %s, and the payment mode is %s", of, mode)
	}
	return nil
}
