package dynamoread_test

import (
	"fmt"
	"reflect"
	"testing"

	"boxoffice/contracts/readmodel"
)

func TestOverviewIsOneRead(t *testing.T) {
	r, table := reader([]string{`{"item":{"S":"overview"},"form":{"N":"1"},"at":{"N":"7"},"later":{"S":"x"}}`})
	o, found, err := r.Overview(t.Context())
	if err != nil || !found || o.At != 7 || len(table.asked) != 1 || fmt.Sprint(table.asked[0]["Key"]) != "map[item:map[S:overview]]" {
		t.Errorf("got %+v, %t, %v; asked %v", o, found, err, table.asked)
	}
	r, _ = reader()
	if _, found, err := r.Overview(t.Context()); err != nil || found {
		t.Errorf("without an item: %t, %v", found, err)
	}
}

// What a later version of the program has written is not guessed at, whatever its attributes are.
func TestOverviewOfALaterFormIsAnError(t *testing.T) {
	for _, item := range []string{
		`{"item":{"S":"overview"},"form":{"N":"2"},"at":{"N":"7"}}`, `{"item":{"S":"overview"},"form":{"N":"2"},"at":{"S":"today"}}`, `{"item":{"S":"overview"},"form":{"N":"1"},"at":{"S":"today"}}`,
	} {
		r, _ := reader([]string{item})
		if o, _, err := r.Overview(t.Context()); err == nil {
			t.Errorf("%s is read as %+v", item, o)
		}
	}
}

func seatsItem(id string, form int) string {
	return fmt.Sprintf(`{"item":{"S":"concert#%s"},"concertId":{"S":"%s"},"form":{"N":"%d"},"groups":{"L":[]}}`, id, id, form)
}

func TestSeatsOfConcertsAreReadInBatches(t *testing.T) {
	var ids []string
	for i := range 101 {
		ids = append(ids, fmt.Sprintf("c-%d", i))
	}
	r, s := scripted(
		`{"Responses":{"overview":[`+seatsItem("c-0", 1)+`,`+seatsItem("c-1", 2)+`]},"UnprocessedKeys":{"overview":{"Keys":[{"item":{"S":"concert#c-2"}}]}}}`,
		`{"Responses":{"overview":[`+seatsItem("c-2", 1)+`]}}`, `{"Responses":{"overview":[`+seatsItem("c-100", 1)+`]}}`,
	)
	seats, err := r.ConcertSeats(t.Context(), ids)
	if err != nil || len(seats) != 3 || seats["c-2"].ConcertID != "c-2" || len(s.asked) != 3 {
		t.Fatalf("got %v, %v after %d calls", seats, err, len(s.asked))
	}
	for i, want := range []int{100, 1, 1} {
		if keys := s.asked[i]["RequestItems"].(map[string]any)["overview"].(map[string]any)["Keys"].([]any); len(keys) != want {
			t.Errorf("call %d has %d keys", i, len(keys))
		}
	}
	r, s = scripted(`{}`)
	if seats, err := r.ConcertSeats(t.Context(), nil); err != nil || len(seats) != 0 || len(s.asked) != 0 {
		t.Errorf("of none: %v, %v after %d calls", seats, err, len(s.asked))
	}
}

func letterKey(n int) string {
	return fmt.Sprintf(`{"letterList":{"S":"letters"},"listedAt":{"S":"%013d#orders-dead"},"messageKey":{"S":"message#%d"}}`, 100-n, n)
}

// The index gives the keys and their order, one more than a page; of the letters only what is shown is sent.
func TestDeadLettersArePages(t *testing.T) {
	letter := func(n int) string { return fmt.Sprintf(`{"messageKey":{"S":"message#%d"},"at":{"N":"%d"}}`, n, 100-n) }
	r, s := scripted(`{"Items":[`+letterKey(1)+`,`+letterKey(2)+`,`+letterKey(3)+`]}`, `{"Responses":{"deadletters":[`+letter(2)+`,`+letter(1)+`]}}`)
	after := readmodel.LetterKey{List: "letters", ListedAt: "0000000000100#orders-dead", MessageKey: "message#0"}
	letters, last, more, err := r.DeadLetters(t.Context(), after, 2)
	if err != nil || !more || len(letters) != 2 || letters[0].MessageKey != "message#1" || last.MessageKey != "message#2" || last.ListedAt != "0000000000098#orders-dead" {
		t.Fatalf("got %+v, %+v, %t, %v", letters, last, more, err)
	}
	for member, want := range map[string]any{
		"operation": "Query", "TableName": "deadletters", "IndexName": "letters", "ScanIndexForward": false, "Limit": 3.0,
		"ExclusiveStartKey": map[string]any{
			"letterList": map[string]any{"S": "letters"}, "listedAt": map[string]any{"S": after.ListedAt}, "messageKey": map[string]any{"S": "message#0"},
		},
	} {
		if !reflect.DeepEqual(s.asked[0][member], want) {
			t.Errorf("%s is %v, want %v", member, s.asked[0][member], want)
		}
	}
	read := s.asked[1]["RequestItems"].(map[string]any)["deadletters"].(map[string]any)
	if read["ProjectionExpression"] != "messageKey, #queue, kind, orderId, reason, #at" {
		t.Errorf("read %v", read)
	}
	// A letter that an operator has deleted meanwhile is left out, and the page goes on after it.
	r, _ = scripted(`{"Items":[`+letterKey(1)+`,`+letterKey(2)+`]}`, `{"Responses":{"deadletters":[]}}`)
	if letters, last, more, err := r.DeadLetters(t.Context(), readmodel.LetterKey{}, 1); err != nil || !more || len(letters) != 0 || last.MessageKey != "message#1" {
		t.Errorf("got %+v, %+v, %t, %v", letters, last, more, err)
	}
	r, s = scripted(`{"Items":[]}`)
	if letters, _, more, err := r.DeadLetters(t.Context(), readmodel.LetterKey{}, 20); err != nil || more || len(letters) != 0 || len(s.asked) != 1 {
		t.Errorf("without letters: %v, %t, %v", letters, more, err)
	}
}
