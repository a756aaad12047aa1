package dynamocatalogue_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// hall returns this many groups of one row with two seats.
func hall(groups int) []readmodel.LayoutGroup {
	layout := make([]readmodel.LayoutGroup, groups)
	for i := range layout {
		seats := []string{fmt.Sprintf("G-%d-1", i), fmt.Sprintf("G-%d-2", i)}
		layout[i] = readmodel.LayoutGroup{Group: fmt.Sprintf("G-%d", i), Section: "s", Kind: readmodel.KindSeats, Seats: seats, Rows: []readmodel.LayoutRow{{Name: "1", Seats: seats}}}
	}
	return layout
}

// putLayout writes both items of a layout.
func putLayout(t *testing.T, client *dynamodb.Client, concert string, version int, groups []readmodel.LayoutGroup) {
	t.Helper()
	seats, err := layoutitem.EncodeSeats(groups)
	if err != nil {
		t.Fatal(err)
	}
	page, err := layoutitem.EncodePage(layoutitem.Page{Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	write(t, client, "layouts", []readmodel.LayoutItem{
		{Key: layoutitem.Key(concert, version, layoutitem.UseSeats), Body: seats}, {Key: layoutitem.Key(concert, version, layoutitem.UsePage), Body: page},
	})
}

// Groups are in the layout's order, and each is found by its name.
func TestLayoutReadsAsWritten(t *testing.T) {
	catalogue, client, _ := open(t)
	want := hall(20)
	putLayout(t, client, "nocturne", 3, want)
	got, err := catalogue.Layout(t.Context(), "nocturne", 3)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, g := range want {
		if got, err := catalogue.LayoutGroup(t.Context(), "nocturne", 3, g.Group); err != nil || !reflect.DeepEqual(got, g) {
			t.Errorf("%s: %+v, %v", g.Group, got, err)
		}
	}
	for _, err := range []error{
		func() error { _, err := catalogue.LayoutGroup(t.Context(), "nocturne", 3, "G-99"); return err }(),
		func() error { _, err := catalogue.LayoutGroup(t.Context(), "nocturne", 4, "G-1"); return err }(),
	} {
		if retry.Classify(err).Class != retry.ClassPoison {
			t.Errorf("not there: %v", err)
		}
	}
}

// A layout that this program cannot decode does not refuse its orders: a later deployment can decode it.
func TestUndecodableLayoutIsNotPoison(t *testing.T) {
	catalogue, client, _ := open(t)
	write(t, client, "layouts", []readmodel.LayoutItem{{Key: layoutitem.Key("nocturne", 1, layoutitem.UseSeats), Body: []byte{2, 0}}})
	if _, err := catalogue.LayoutGroup(t.Context(), "nocturne", 1, "A"); err == nil || retry.Classify(err).Class != retry.ClassRetryable {
		t.Errorf("%v", err)
	}
}

// A process that reads many large concerts keeps the layouts of a few, not of all.
func TestCachedLayoutsAreBounded(t *testing.T) {
	catalogue, client, faults := open(t)
	const concerts, places = 12, 150_000 // 4 MB each; 32 MB are kept
	seats := make([]string, places)
	for i := range seats {
		seats[i] = fmt.Sprintf("G-0-%d", i+1)
	}
	large := hall(1)
	large[0].Seats, large[0].Rows = seats, []readmodel.LayoutRow{{Name: "1", Seats: seats}}
	for i := range concerts {
		putLayout(t, client, fmt.Sprint("c-", i), 1, large)
	}
	read := func(concert int) (calls int) {
		t.Helper()
		before := faults.Attempts("GetItem")
		layout, err := catalogue.Layout(t.Context(), fmt.Sprint("c-", concert), 1)
		if err != nil || len(layout) != 1 || len(layout[0].Seats) != places {
			t.Fatalf("layout of %d: %d groups, %v", concert, len(layout), err)
		}
		return faults.Attempts("GetItem") - before
	}
	for i := range 4 {
		read(i)
	}
	for i := range 4 {
		if n := read(i); n != 0 {
			t.Errorf("the layout of %d, of four, was read again in %d calls", i, n)
		}
	}
	for i := range concerts {
		read(i)
	}
	again := 0
	for i := range concerts {
		again += read(i)
	}
	if again == 0 {
		t.Errorf("%d layouts of %d seats are kept", concerts, places)
	}
}

// Layouts that the first item names are in memory before they are asked for; without that item nothing fails.
func TestPreloadReadsFirstLayouts(t *testing.T) {
	catalogue, client, faults := open(t)
	if err := catalogue.Preload(t.Context()); err != nil {
		t.Errorf("without the item: %v", err)
	}
	putLayout(t, client, "nocturne", 1, hall(2))
	// The last list wins.
	for _, refs := range [][]layoutitem.Ref{nil, {{ConcertID: "nocturne", Version: 1}}} {
		if err := catalogue.TellFirst(t.Context(), refs); err != nil {
			t.Fatal(err)
		}
	}
	if err := catalogue.Preload(t.Context()); err != nil {
		t.Error(err)
	}
	before := faults.Attempts("GetItem")
	if _, err := catalogue.LayoutGroup(t.Context(), "nocturne", 1, "G-1"); err != nil || faults.Attempts("GetItem") != before {
		t.Errorf("%v, %d reads", err, faults.Attempts("GetItem")-before)
	}
}

// A layout is complete only if all its items are there, can be decoded, and show what is sold.
func TestComplete(t *testing.T) {
	catalogue, client, _ := open(t)
	one := func(use layoutitem.Use) string { return layoutitem.Key("nocturne", 1, use) }
	put := func(key string, body []byte) {
		t.Helper()
		write(t, client, "layouts", []readmodel.LayoutItem{{Key: key, Body: body}})
	}
	putLayout(t, client, "nocturne", 1, hall(3))
	if err := catalogue.Complete(t.Context(), "nocturne", 1); err != nil {
		t.Errorf("whole: %v", err)
	}
	fewer, err := layoutitem.EncodePage(layoutitem.Page{Groups: hall(2)})
	if err != nil {
		t.Fatal(err)
	}
	turned := hall(3)
	turned[1].Seats = []string{turned[1].Seats[1], turned[1].Seats[0]}
	other, err := layoutitem.EncodePage(layoutitem.Page{Groups: turned})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"fewer groups": fewer, "other places": other, "not readable": []byte("x")} {
		put(one(layoutitem.UsePage), body)
		if err := catalogue.Complete(t.Context(), "nocturne", 1); err == nil || !strings.Contains(err.Error(), "nocturne#1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, use := range layoutitem.Uses {
		putLayout(t, client, "nocturne", 1, hall(3))
		if _, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("layouts"), Key: map[string]types.AttributeValue{
			"layoutItem": &types.AttributeValueMemberS{Value: one(use)},
		}}); err != nil {
			t.Fatal(err)
		}
		if err := catalogue.Complete(t.Context(), "nocturne", 1); err == nil || !strings.Contains(err.Error(), one(use)) {
			t.Errorf("without the item for %s: %v", use, err)
		}
	}
}
