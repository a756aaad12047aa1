package mails

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"boxoffice/contracts/readmodel"
)

// ErrNoAddress means that no mail can be sent to an account: nobody can log in to it, or its address has characters other than
// ASCII before the @, which SES does not send to.
var ErrNoAddress = errors.New("the account has no address that gets mail")

// addressOf returns the address of an account with its name. The domain is that of the account's mail key, which is in ASCII.
func addressOf(u readmodel.User) (*mail.Address, error) {
	at := strings.LastIndexByte(u.Email, '@')
	keyAt := strings.LastIndexByte(u.MailKey, '@')
	if at < 1 || keyAt < 1 {
		return nil, ErrNoAddress
	}
	address := u.Email[:at] + u.MailKey[keyAt:]
	for _, r := range address {
		// identity accepts neither; a header must not end here, whoever wrote the item.
		if r >= utf8.RuneSelf || r <= ' ' || r == 0x7f {
			return nil, ErrNoAddress
		}
	}
	return &mail.Address{Name: nameOf(u), Address: address}, nil
}

// nameOf returns the name of an account for its mails, "" until its address is confirmed: anybody can sign up with the address of another
// and a name that is an advertisement, which our mail would bring from our domain.
func nameOf(u readmodel.User) string {
	if !u.EmailConfirmed {
		return ""
	}
	return oneLine(u.Name)
}

// oneLine returns a text without characters that end a line or are controls, each replaced by a space.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\ufffd"), func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == ' '
	}), " ")
}
