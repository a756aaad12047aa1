package openapi_test

import (
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"boxoffice/contracts"
	"boxoffice/contracts/openapi"
	"boxoffice/contracts/topology"
)

func TestTheContractIsValid(t *testing.T) {
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, problems := v.ValidateDocument(); !ok {
		for _, p := range problems {
			t.Error(p.Error())
		}
	}
}

// The routes of the gateway and the paths of the contract are the same.
func TestRoutesAreThoseOfTheTopology(t *testing.T) {
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	promised := map[string]bool{}
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			auth := "none"
			if len(operation.Security) > 0 {
				auth = "jwt"
			}
			promised[strings.ToUpper(method)+" "+path+" "+auth] = true
		}
	}
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all.Functions {
		for _, r := range f.Routes {
			if r.Route == topology.DefaultRoute {
				continue
			}
			if strings.HasPrefix(r.Route, "HEAD ") {
				continue // the GET of the same path without its body, as every HTTP server has it; topology holds the two together
			}
			key := r.Route + " " + r.Auth
			if !promised[key] {
				t.Errorf("topology routes %q, which the contract does not have", key)
			}
			delete(promised, key)
		}
	}
	for key := range promised {
		t.Errorf("the contract has %q, which no function answers", key)
	}
}

func TestStatusesAreThoseOfTheGraph(t *testing.T) {
	var names []string
	for _, s := range contracts.Statuses() {
		names = append(names, string(s))
	}
	if want := "Status: {enum: [" + strings.Join(names, ", ") + "]}"; !strings.Contains(string(openapi.YAML), want) {
		t.Errorf("the contract lacks %s", want)
	}
}
