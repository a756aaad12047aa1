package readmodel_test

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// size is the size of an item as DynamoDB counts it: names and values.
func size(d readmodel.DeadLetter) int {
	n := 0
	for field, value := range reflect.ValueOf(d).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("dynamodbav"), ",")
		n += len(name)
		switch value.Kind() {
		case reflect.String:
			n += value.Len()
		case reflect.Pointer:
			for _, text := range streamTexts(d.Stream) {
				n += len(text) + 21
			}
		case reflect.Map:
			for k, v := range value.Seq2() {
				n += k.Len() + v.Len() + 2
			}
		default:
			n += 21
		}
	}
	return n
}

func streamTexts(s *readmodel.StreamFailure) []string {
	if s == nil {
		return nil
	}
	return []string{s.FunctionARN, s.StreamARN, s.ShardID, s.StartSequence, s.EndSequence}
}

func TestALetterThatFitsIsLeftAsItIs(t *testing.T) {
	d := readmodel.DeadLetter{
		MessageKey: readmodel.DrainedKey("m"), Queue: "orders-dead", Kind: "PlaceOrder", OrderID: "e1", SeatGroup: "c#A",
		Body: strings.Repeat("x", 300<<10), Attributes: map[string]string{"kind": "PlaceOrder", "trace": strings.Repeat("t", 1024)}, At: 7,
	}
	got := d.Fitted()
	key := readmodel.LetterKey{ListedAt: got.ListedAt}
	if at, source, ok := key.Source(); got.List != readmodel.ListLetters || at != 7 || source != "orders-dead" || !ok {
		t.Errorf("listed in %q at %q", got.List, got.ListedAt)
	}
	if got.List, got.ListedAt = "", ""; !reflect.DeepEqual(got, d) {
		t.Errorf("cut is %v", got.Cut)
	}
}

// The letter of the largest message that SQS accepts fits into DynamoDB's 400 KB, is valid text, and names what was cut.
func TestALetterThatIsTooLongIsCut(t *testing.T) {
	const mib = 1 << 20
	for _, unit := range []string{"x", "ö", "€", "𝄞"} {
		long := strings.Repeat(unit, mib/len(unit))
		d := readmodel.DeadLetter{
			MessageKey: readmodel.DrainedKey("m"), Queue: "orders-dead", Kind: long, OrderID: contracts.OrderID(long), SeatGroup: long, Reason: long, Body: long,
			Attributes: map[string]string{"kind": long, "orderId": long, "userId": long, "concertId": long, "group": long, "trace": "t"},
		}
		stream := readmodel.StreamFailure{FunctionARN: long, StreamARN: long, ShardID: long, StartSequence: long, EndSequence: long, Records: 7}
		d.Stream = &stream
		got := d.Fitted()
		if len(stream.ShardID) != len(long) || got.Stream.Records != 7 || got.Cut["stream.shardId"] == "" {
			t.Errorf("%q: the letter itself was cut, or its copy does not say so: %v", unit, got.Cut)
		}
		if n := size(got); n > 400<<10 {
			t.Errorf("%q: the item has %d bytes", unit, n)
		}
		if len(got.Body) < 300<<10-4 || !strings.HasPrefix(long, got.Body) {
			t.Errorf("%q: the body is cut to %d bytes", unit, len(got.Body))
		}
		if !utf8.ValidString(got.Body) || !utf8.ValidString(got.Attributes["userId"]) {
			t.Errorf("%q: a character is cut in two", unit)
		}
		want := fmt.Sprintf("%d bytes, sha256 %x", len(long), sha256.Sum256([]byte(long)))
		for _, name := range []string{"body", "kind", "orderId", "seatGroup", "reason", "attributes.userId", "attributes.group"} {
			if got.Cut[name] != want {
				t.Errorf("%q: %s was %s, the letter says %q", unit, name, want, got.Cut[name])
			}
		}
		if _, cut := got.Cut["attributes.trace"]; cut || got.Attributes["trace"] != "t" || d.Body != long || d.Attributes["userId"] != long {
			t.Errorf("%q: what fits, or what was given, has been changed", unit)
		}
	}
}

func TestKeysOfLetters(t *testing.T) {
	for want, key := range map[string]string{
		"attempts#m-1": readmodel.AttemptsKey("m-1"), "message#m-1": readmodel.DrainedKey("m-1"), "event#e1#7": readmodel.EventKey("e1", 7),
	} {
		if key != want {
			t.Errorf("key %s, want %s", key, want)
		}
	}
}
