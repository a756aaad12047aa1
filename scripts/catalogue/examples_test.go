package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/pb33f/libopenapi"

	"boxoffice/contracts/openapi"
	"boxoffice/contracts/readmodel"
)

// The example requests of the contract can be copied and sent to the local stack: the sample has their concerts and their seats,
// which are in one group.
func TestExamplesOfTheContractFitTheSample(t *testing.T) {
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	sample, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			if operation.RequestBody == nil {
				continue
			}
			for _, media := range operation.RequestBody.Content.FromOldest() {
				examples := map[string]any{}
				if media.Example != nil {
					var value any
					if err := media.Example.Decode(&value); err != nil {
						t.Fatal(err)
					}
					examples["example"] = value
				}
				if media.Examples != nil {
					for name, example := range media.Examples.FromOldest() {
						var value any
						if err := example.Value.Decode(&value); err != nil {
							t.Fatal(err)
						}
						examples[name] = value
					}
				}
				for name, value := range examples {
					if fields, ok := value.(map[string]any); ok && fields["concertId"] == nil {
						continue // no order: a request of accounts
					}
					tried++
					if err := orderable(sample, value); err != nil {
						t.Errorf("%s %s, %s: %v", method, path, name, err)
					}
				}
			}
		}
	}
	if tried == 0 {
		t.Error("the contract has no example")
	}
}

// orderable returns an error if the sample's seats cannot be ordered so.
func orderable(sample []Entry, request any) error {
	encoded, err := json.Marshal(request)
	if err != nil {
		return err
	}
	var order struct {
		ConcertID     string
		Seats         []string
		BestAvailable *struct{ Section string }
	}
	if err := json.Unmarshal(encoded, &order); err != nil {
		return err
	}
	i := slices.IndexFunc(sample, func(e Entry) bool { return e.Concert.ConcertID == order.ConcertID })
	if i < 0 {
		return fmt.Errorf("there is no concert %q", order.ConcertID)
	}
	groups := sample[i].Groups
	if best := order.BestAvailable; best != nil {
		if best.Section != "" && !slices.ContainsFunc(groups, func(g readmodel.LayoutGroup) bool { return g.Section == best.Section }) {
			return fmt.Errorf("there is no section %q", best.Section)
		}
		return nil
	}
	whole := func(g readmodel.LayoutGroup) bool { _, _, ok := g.Places(order.Seats); return ok }
	if len(order.Seats) == 0 || !slices.ContainsFunc(groups, whole) {
		return fmt.Errorf("no group has all of the seats %v", order.Seats)
	}
	return nil
}
