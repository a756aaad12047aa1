package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"boxoffice/contracts/event"
	"boxoffice/contracts/message"
)

// goldenPayloads returns the golden payloads of a folder by the name of their schema.
func goldenPayloads(t *testing.T, folder string) map[string][][]byte {
	t.Helper()
	files, err := filepath.Glob("../" + folder + "/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	all := map[string][][]byte{}
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a file of the project
		if err != nil {
			t.Fatal(err)
		}
		kind, rest, _ := strings.Cut(filepath.Base(file), ".")
		if folder == "event" {
			kind = "OrderChanged"
		}
		version := rest[strings.LastIndex(strings.TrimSuffix(rest, ".json"), "v"):]
		name := kind + "." + version
		all[name] = append(all[name], content)
	}
	return all
}

// place is a member of an object or an element of a list of a payload.
type place struct {
	object map[string]any
	name   string
	list   []any
	index  int
}

// places returns all places of a payload, and all its objects.
func places(value any) (all []place, objects []map[string]any) {
	switch v := value.(type) {
	case map[string]any:
		objects = append(objects, v)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, place{object: v, name: name})
			inner, innerObjects := places(v[name])
			all, objects = append(all, inner...), append(objects, innerObjects...)
		}
	case []any:
		for i := range v {
			all = append(all, place{list: v, index: i})
			inner, innerObjects := places(v[i])
			all, objects = append(all, inner...), append(objects, innerObjects...)
		}
	}
	return all, objects
}

func (p place) set(value any) {
	if p.object != nil {
		p.object[p.name] = value
		return
	}
	p.list[p.index] = value
}

// mutation is what was changed. isNull: it set a null, which encoding/json reads as an absent member.
type mutation struct {
	says   string
	isNull bool
}

// mutate changes one place of a payload.
func mutate(t *rapid.T, payload map[string]any) mutation {
	all, objects := places(payload)
	p := rapid.SampledFrom(all).Draw(t, "place")
	where := p.name
	if p.object == nil {
		where = fmt.Sprintf("[%d]", p.index)
	}
	switch kind := rapid.SampledFrom([]string{"value", "value", "null", "delete", "rename", "add", "case"}).Draw(t, "mutation"); kind {
	case "value":
		value := rapid.SampledFrom([]any{"", "x", "A-1-1", 0, 1, 2, -1, 1.5, 1e30, true, []any{}, []any{"A-1-1"}, []any{1}, map[string]any{}, map[string]any{"x": 1}, "2030-01-01T00:00:00.000Z", "2030-02-30T00:00:00.000Z"}).Draw(t, "value")
		p.set(value)
		return mutation{says: fmt.Sprintf("%s is %v", where, value)}
	case "null":
		p.set(nil)
		return mutation{says: where + " is null", isNull: true}
	case "delete":
		if p.object == nil {
			p.set("x")
			return mutation{says: where + " is x"}
		}
		delete(p.object, p.name)
		return mutation{says: where + " is missing"}
	case "rename", "case":
		if p.object == nil {
			p.set("")
			return mutation{says: where + " is empty"}
		}
		name := strings.ToUpper(p.name)
		if kind == "rename" {
			name = p.name + "s"
		}
		p.object[name] = p.object[p.name]
		delete(p.object, p.name)
		return mutation{says: where + " is called " + name}
	default:
		object := rapid.SampledFrom(objects).Draw(t, "object")
		name := rapid.SampledFrom([]string{"more", "", "KIND", "run", "causeId", "visited", "accessible", "reason"}).Draw(t, "name")
		object[name] = rapid.SampledFrom([]any{1, "x", nil, []any{}}).Draw(t, "value")
		return mutation{says: "there is " + name, isNull: object[name] == nil}
	}
}

// isForm reports whether a decoder refused the form of a payload: its members or their types. A schema says as much; what the
// values of fields mean to each other is in Validate alone.
func isForm(err error) bool {
	var typeError *json.UnmarshalTypeError
	var syntaxError *json.SyntaxError
	if errors.As(err, &typeError) && typeError.Value == "number 1e+30" {
		return false // a whole number, of which no schema says how large it may be
	}
	return errors.As(err, &typeError) || errors.As(err, &syntaxError) || errors.Is(err, message.ErrUnknownKind) || errors.Is(err, message.ErrUnknownVersion) ||
		strings.Contains(err.Error(), "unknown member") || strings.Contains(err.Error(), "unknown field")
}

// agree mutates golden payloads at random and compares decoder and schema. A payload that the decoder reads conforms to the schema,
// so that a program which checks by the schema refuses nothing that Boxoffice reads. A payload that conforms is read, or breaks a
// rule about values that no schema says. lax are the differences that a decoder is known for.
func agree(t *testing.T, folder string, decode func([]byte) error, lax func(mutation) bool) {
	payloads := goldenPayloads(t, folder)
	schemas := map[string]*validator.Schema{}
	for name := range payloads {
		schemas[name] = compiled(t, name)
	}
	names := slices.Sorted(maps.Keys(payloads))
	read, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "schema")
		var payload map[string]any
		if err := json.Unmarshal(rapid.SampledFrom(payloads[name]).Draw(t, "payload"), &payload); err != nil {
			t.Fatal(err)
		}
		done := mutate(t, payload)
		encoded, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		again, err := validator.UnmarshalJSON(bytes.NewReader(encoded))
		if err != nil {
			t.Fatal(err)
		}
		invalid, err := schemas[name].Validate(again), decode(encoded)
		switch {
		case err == nil && invalid != nil && !lax(done):
			t.Fatalf("%s: %s: it is read, and does not conform: %v\n%s", name, done.says, invalid, encoded)
		case err != nil && invalid == nil && isForm(err):
			t.Fatalf("%s: %s: it conforms, and its form is refused: %v\n%s", name, done.says, err, encoded)
		case err == nil:
			read++
		default:
			refused++
		}
	})
	if read == 0 || refused == 0 {
		t.Errorf("of the mutated payloads %d were read and %d refused: the mutations are too narrow", read, refused)
	}
}

// A null is read as an absent member by encoding/json. No writer of ours sends one.
func TestMessagesAreReadAsTheirSchemasSay(t *testing.T) {
	agree(t, "message", func(body []byte) error {
		_, err := message.Decode(string(body))
		return err
	}, func(m mutation) bool { return m.isNull })
}

// A subscriber reads an event with a reason that is newer than itself, and takes any text for an order id.
func TestEventsAreReadAsTheirSchemaSays(t *testing.T) {
	agree(t, "event", func(detail []byte) error {
		_, err := event.Decode(detail)
		return err
	}, func(m mutation) bool {
		return strings.HasPrefix(m.says, "code is") || strings.HasPrefix(m.says, "orderId is")
	})
}
