package stripeevent

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"boxoffice/contracts/message"
)

// Kinds of Stripe's API keys, each KIND_MODE_… : the secret key and a restricted one are for servers, the publishable one is for
// browsers.
const (
	KeySecret      = "sk"
	KeyRestricted  = "rk"
	KeyPublishable = "pk"
)

// CheckKey says whether a key is one of these kinds and of the mode. A key of the other mode would take real money where tests are
// meant, or none where a buyer pays. The key is not in the error.
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
