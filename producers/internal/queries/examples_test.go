package queries_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"

	"boxoffice/contracts/openapi"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
)

// exampleAnswers returns the examples of a route's 200, by name.
func exampleAnswers(t *testing.T, path string) map[string]json.RawMessage {
	t.Helper()
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]json.RawMessage{}
	media, _ := model.Model.Paths.PathItems.GetOrZero(path).Get.Responses.Codes.GetOrZero("200").Content.Get("application/json")
	for name, example := range media.Examples.FromOldest() {
		var value any
		if err := example.Value.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if examples[name], err = json.Marshal(value); err != nil {
			t.Fatal(err)
		}
	}
	return examples
}

// The examples of the catalogue are answers that the contract allows, and it allows no member more. The cursor of the example is
// one of ours.
func TestExamplesOfTheCatalogueAreAnswers(t *testing.T) {
	contract := contracttest.New(t)
	headers := httpapi.Headers{"ETag": `W/"x"`, "Cache-Control": "public, max-age=10"}
	for path, want := range map[string]int{"/api/concerts": 2, "/api/concerts/{concertId}": 1} {
		examples := exampleAnswers(t, path)
		if len(examples) != want {
			t.Errorf("%s has %d examples", path, len(examples))
		}
		address := strings.Replace(path, "{concertId}", "nocturne-2030", 1)
		for name, body := range examples {
			if problems := contract.Problems(t, http.MethodGet, address, httpapi.Encoded(http.StatusOK, string(body), headers)); problems != "" {
				t.Errorf("%s, %s: %s", path, name, problems)
			}
			more := strings.Replace(string(body), "{", `{"more":1,`, 1)
			if contract.Problems(t, http.MethodGet, address, httpapi.Encoded(http.StatusOK, more, headers)) == "" {
				t.Errorf("%s, %s: the contract allows a member more", path, name)
			}
		}
	}
	var page struct{ NextCursor string }
	if err := json.Unmarshal(exampleAnswers(t, "/api/concerts")["page"], &page); err != nil {
		t.Fatal(err)
	}
	before, after := full("nocturne-2030"), full("overture-2031")
	before.StartsAt, after.StartsAt = 1_915_639_200_000, 1_915_639_200_000
	if got := list(t, browsing(openFor, nil, before, after), "cursor="+page.NextCursor); len(got) != 1 || got[0] != "overture-2031" {
		t.Errorf("the cursor of the example lists %v; one of ours is %s", got, cursorOf(t, before, after))
	}
}

// cursorOf returns the cursor behind the first of two concerts.
func cursorOf(t *testing.T, first, second readmodel.Concert) string {
	t.Helper()
	var page struct{ NextCursor string }
	if err := json.Unmarshal([]byte(browsing(openFor, nil, first, second)(t, listRoute, "limit=1", "", nil).Body), &page); err != nil {
		t.Fatal(err)
	}
	return page.NextCursor
}
