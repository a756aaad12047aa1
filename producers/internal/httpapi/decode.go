package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decode parses the body strictly into v: at most 8 KB, application/json, valid UTF-8 JSON, no unknown and no duplicate member,
// every value of its type. null is a type of its own, which no member has. A whole number may be written 2, 2.0 or 2e0, since
// JSON has one kind of number. The error is a *Problem that names the place in the body.
func (r Request) Decode(v any) error {
	body, err := r.Bytes(MaxBodyBytes, CodeInvalidJSON)
	if err != nil {
		return err
	}
	media, params, err := mime.ParseMediaType(r.Header("Content-Type"))
	if err != nil || media != "application/json" || (params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) {
		return NewProblem(CodeUnsupportedMediaType, "Content-Type must be application/json.")
	}
	// Invalid JSON is reported before a wrong value in it, wherever either is.
	null, err := walk(body)
	if err != nil {
		return decodeProblem(err)
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFromFunc(readInt))); err != nil {
		return decodeProblem(err)
	}
	if null != nil {
		return NewProblem(CodeInvalidRequest, "A value is null. Leave a member out that has no value.").At(*null)
	}
	return nil
}

// decodeProblem distinguishes a fault of the JSON itself from a wrong value in it.
func decodeProblem(err error) *Problem {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		detail := "The body is not valid JSON."
		if errors.Is(err, jsontext.ErrDuplicateName) {
			detail = "A member is there twice."
		}
		return NewProblem(CodeInvalidJSON, detail).At(string(syntactic.JSONPointer))
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		if errors.Is(err, json.ErrUnknownName) {
			return NewProblem(CodeInvalidJSON, "A member is not known.").At(string(semantic.JSONPointer))
		}
		return NewProblem(CodeInvalidRequest, "A value is not of its type.").At(string(semantic.JSONPointer))
	}
	return NewProblem(CodeInvalidJSON, "The body is not valid JSON.").At("")
}

// walk reads a body to its end. It returns the place of the first null, nil if there is none: the decoder takes a null for a
// missing member, and in a list for a zero value. The error says that the body is not one JSON value, or that a member occurs
// twice.
func walk(body []byte) (null *string, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for values := 0; ; {
		token, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF) && values == 1:
			return null, nil
		case err != nil:
			return nil, err
		case token.Kind() == 'n' && null == nil:
			place := string(d.StackPointer())
			null = &place
		}
		if d.StackDepth() == 0 {
			if values++; values > 1 {
				return nil, errSeveral
			}
		}
	}
}

var errSeveral = errors.New("several values")

var errNotWhole = errors.New("no whole number")

// readInt decodes a whole number in any spelling that encoders of other languages write.
func readInt(d *jsontext.Decoder, n *int) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != '0' {
		return errNotWhole
	}
	whole, ok := wholeNumber(token.String())
	if !ok {
		return errNotWhole
	}
	*n = whole
	return nil
}

// maxDigits bounds the digits of a whole number. No member needs as many, and as many do not overflow.
const maxDigits = 15

// wholeNumber parses a JSON number that is whole, exactly: a float would round 2.0000000000000000001.
func wholeNumber(text string) (n int, ok bool) {
	mantissa, exponentText, hasExponent := strings.Cut(strings.ToLower(text), "e")
	exponent := 0
	if hasExponent {
		var err error
		if exponent, err = strconv.Atoi(exponentText); err != nil {
			return 0, false
		}
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	integer, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(integer+fraction, "0")
	shift := exponent - len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	shift += len(digits) - len(trimmed)
	switch {
	case trimmed == "":
		return 0, true
	case shift < 0 || shift > maxDigits || len(trimmed)+shift > maxDigits:
		return 0, false
	}
	n, err := strconv.Atoi(trimmed + strings.Repeat("0", shift))
	if err != nil {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true
}
