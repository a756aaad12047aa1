package stripeevent_test

import (
	"strings"
	"testing"

	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
)

func TestAKeyIsOfItsKindAndMode(t *testing.T) {
	server := []string{stripeevent.KeySecret, stripeevent.KeyRestricted}
	browser := []string{stripeevent.KeyPublishable}
	for _, c := range []struct {
		key   string
		mode  message.PaymentMode
		kinds []string
		says  string // "" where the key is right
	}{
		{"sk_test_c4n4ry", message.ModeTest, server, ""},
		{"rk_test_c4n4ry", message.ModeTest, server, ""},
		{"sk_live_c4n4ry_9", message.ModeLive, server, ""},
		{"rk_live_c4n4ry", message.ModeLive, server, ""},
		{"pk_live_c4n4ry", message.ModeLive, browser, ""},
		{"pk_test_c4n4ry", message.ModeTest, browser, ""},
		{"sk_live_c4n4ry", message.ModeTest, server, "the key is of mode live, and the payment mode is test"},
		{"rk_live_c4n4ry", message.ModeTest, server, "the key is of mode live, and the payment mode is test"},
		{"sk_test_c4n4ry", message.ModeLive, server, "the key is of mode test, and the payment mode is live"},
		{"rk_test_c4n4ry", message.ModeLive, server, "the key is of mode test, and the payment mode is live"},
		{"pk_live_c4n4ry", message.ModeTest, browser, "the key is of mode live"},
		{"pk_test_c4n4ry", message.ModeLive, browser, "the key is of mode test"},
		{"pk_test_c4n4ry", message.ModeTest, server, "another kind than sk_, rk_"},
		{"sk_test_c4n4ry", message.ModeTest, browser, "another kind than pk_"},
		{"rk_test_c4n4ry", message.ModeTest, browser, "another kind than pk_"},
		{"whsec_c4n4ry", message.ModeTest, server, "another kind"},
		{"", message.ModeTest, server, "another kind"},
		{"sk_", message.ModeTest, server, "not of the form"},
		{"sk_test_", message.ModeTest, server, "not of the form"},
		{"sk_test", message.ModeTest, server, "not of the form"},
		{"sk_c4n4ry", message.ModeTest, server, "not of the form"},
		{"sk_org_test_c4n4ry", message.ModeTest, server, "not of the form"},
		{"sk_TEST_c4n4ry", message.ModeTest, server, "not of the form"},
		{"sk_test_c4n4ry\n", message.ModeTest, server, "not of the form"},
		{"SK_test_c4n4ry", message.ModeTest, server, "another kind"},
	} {
		err := stripeevent.CheckKey(c.key, c.mode, c.kinds...)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s in mode %s as %v: %v, want %q", c.key, c.mode, c.kinds, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("the error has the key: %v", err)
		}
	}
}
