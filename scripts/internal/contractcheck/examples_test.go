package contractcheck

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"boxoffice/contracts/openapi"
)

// body is a body of the contract with its place, for messages.
type body struct {
	place string
	// pointer is where its media type is in the document.
	pointer string
	// status is that of a response, 0 for a request.
	status      int
	description string
	mediaType   string
	examples    []named
}

// object is an object of the contract's JSON.
type object = map[string]any

func at(o object, member string) object {
	found, _ := o[member].(object)
	return found
}

// specification is the contract as plain JSON, in which JSON Schema knows its way by itself.
type specification struct {
	root     object
	compiler *jsonschema.Compiler
}

func specified(t *testing.T) specification {
	t.Helper()
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(*document.GetSpecInfo().GetSpecJSONBytes()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("openapi.json", root); err != nil {
		t.Fatal(err)
	}
	return specification{root.(object), c}
}

// schema returns the schema of a body.
func (s specification) schema(t *testing.T, b body) *jsonschema.Schema {
	t.Helper()
	compiled, err := s.compiler.Compile("openapi.json#" + b.pointer + "/schema")
	if err != nil {
		t.Fatalf("%s: %v", b.place, err)
	}
	return compiled
}

// resolved follows a reference to another part of the document.
func (s specification) resolved(o object, pointer string) (object, string) {
	reference, isReference := o["$ref"].(string)
	if !isReference {
		return o, pointer
	}
	pointer = strings.TrimPrefix(reference, "#")
	found := s.root
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		found = at(found, part)
	}
	return found, pointer
}

func (s specification) bodies() (all []body) {
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	add := func(place, pointer string, status int, holder object) {
		holder, pointer = s.resolved(holder, pointer)
		description, _ := holder["description"].(string)
		for mediaType, media := range at(holder, "content") {
			b := body{place: place + " " + mediaType, pointer: pointer + "/content/" + escape(mediaType), status: status, description: description, mediaType: mediaType}
			if example, ok := media.(object)["example"]; ok {
				b.examples = append(b.examples, named{"", example})
			}
			for name, example := range at(media.(object), "examples") {
				b.examples = append(b.examples, named{name, example.(object)["value"]})
			}
			all = append(all, b)
		}
	}
	for path, item := range at(s.root, "paths") {
		for method := range item.(object) {
			operation := at(item.(object), method)
			id, isOperation := operation["operationId"].(string)
			if !isOperation {
				continue
			}
			pointer := "/paths/" + escape(path) + "/" + method
			add(id+", request", pointer+"/requestBody", 0, at(operation, "requestBody"))
			for code := range at(operation, "responses") {
				status, _ := strconv.Atoi(code)
				add(id+" "+code, pointer+"/responses/"+code, status, at(at(operation, "responses"), code))
			}
		}
	}
	return all
}

// isBinary reports whether a body is a file, which no example shows.
func isBinary(b body) bool { return !strings.Contains(b.mediaType, "json") }

// Each body of the contract has an example that conforms to its schema, and does not conform with a member more.
func TestEveryBodyHasAnExampleThatConforms(t *testing.T) {
	s := specified(t)
	all := s.bodies()
	if len(all) < 100 {
		t.Fatalf("only %d bodies were found", len(all))
	}
	for _, b := range all {
		if isBinary(b) {
			continue
		}
		if len(b.examples) == 0 {
			t.Errorf("%s has no example", b.place)
			continue
		}
		schema := s.schema(t, b)
		for _, e := range b.examples {
			if err := schema.Validate(e.value); err != nil {
				t.Errorf("%s, example %q: %v", b.place, e.name, err)
			}
			value, isObject := e.value.(object)
			if !isObject || !closed(b) {
				continue
			}
			more := maps.Clone(value)
			more["notInTheContract"] = 1
			if schema.Validate(more) == nil {
				t.Errorf("%s, example %q: the schema allows an unknown member", b.place, e.name)
			}
		}
	}
}

// closed reports whether a body may have no members beside those of its schema. The gateway's own answers and Stripe's events are
// not ours.
func closed(b body) bool {
	return !strings.Contains(b.place, "receiveStripeEvent, request") && (b.mediaType != "application/json" || b.status < http.StatusBadRequest)
}

// The example of a problem belongs to its response: its status, and a code that the response's description names.
func TestExamplesOfProblemsBelongToTheirResponses(t *testing.T) {
	checked := 0
	for _, b := range specified(t).bodies() {
		if b.mediaType != "application/problem+json" {
			continue
		}
		for _, e := range b.examples {
			problem, _ := e.value.(object)
			code, _ := problem["code"].(string)
			if status, _ := problem["status"].(json.Number); status.String() != strconv.Itoa(b.status) {
				t.Errorf("%s, example %q: status %v", b.place, e.name, problem["status"])
			}
			// The description of a 401 speaks of tokens, without its one code.
			if !strings.Contains(b.description, "`"+code+"`") && code != "unauthorized" {
				t.Errorf("%s, example %q: the description does not name %q", b.place, e.name, code)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Error("no problem was checked")
	}
}

func TestRequestExamplesAreThoseOfTheContract(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	examples, err := c.RequestExamples()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range examples {
		names = append(names, e.Method+" "+e.Path+" "+e.Name)
		if e.Operation == "placeOrder" != (e.Path == "/api/orders") || e.Operation == "placeOrder" && !e.Token || e.Operation == "logIn" && e.Token {
			t.Errorf("%+v", e)
		}
	}
	for _, want := range []string{"POST /api/orders named", "PATCH /api/me both", "POST /api/webhooks/stripe "} {
		if !slices.Contains(names, want) {
			t.Errorf("%q is missing in %q", want, names)
		}
	}
}
