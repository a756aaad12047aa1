package schema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/maillink"
	"boxoffice/contracts/message"
	"boxoffice/contracts/schema"
)

var update = flag.Bool("update", false, "write the schemas")

// messages has every kind with the versions that consumers read.
var messages = map[message.Message][]int{
	message.ExpireHold{}: {1}, message.RebuildGroup{}: {1}, message.CancelOrder{}: {1}, message.SettleOrder{}: {1}, message.MirrorOrder{}: {1},
	message.OpenPayment{}: {1}, message.CapturePayment{}: {1}, message.VoidPayment{}: {1}, message.CheckPayment{}: {1}, message.FetchEvents{}: {1},
	message.AuditLedger{}: {1}, message.PaymentAuthorized{}: {1}, message.PaymentDeclined{}: {1},
	message.CloseConnections{}: {1}, message.NotifyOrder{}: {1}, message.NotifyAccount{}: {1},
}

// placeOrder and stopMails have slices, so that they are no keys of messages.
var (
	placeOrder = message.PlaceOrder{}
	stopMails  = message.StopMails{}
)

func text(values ...any) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Enum: values} }

// mapped gives the types that encode themselves the schema of what they write.
func mapped(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[contracts.Instant]():
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[contracts.OrderID]():
		return &jsonschema.Schema{Type: "string", Pattern: fmt.Sprintf("^[a-z][%s]{%d}$", contracts.OrderIDAlphabet, contracts.OrderIDLength-1)}
	case reflect.TypeFor[contracts.Status]():
		var all []any
		for _, s := range contracts.Statuses() {
			if event.DetailType(s) != "" {
				all = append(all, string(s))
			}
		}
		return text(all...)
	case reflect.TypeFor[contracts.Reason]():
		var all []any
		for _, r := range contracts.Reasons() {
			all = append(all, string(r))
		}
		return text(all...)
	case reflect.TypeFor[maillink.Kind]():
		return text(string(maillink.Confirm), string(maillink.Reset))
	case reflect.TypeFor[message.MailStop]():
		return text(string(message.MailBounced), string(message.MailComplained))
	case reflect.TypeFor[message.PaymentMode]():
		return text(string(message.ModeLive), string(message.ModeTest))
	}
	return nil
}

func reflector(t *testing.T) *jsonschema.Reflector {
	t.Helper()
	r := &jsonschema.Reflector{Anonymous: true, DoNotReference: true, ExpandedStruct: true, Mapper: mapped}
	// The comments of the Go types become descriptions. The paths are of the source, relative to this folder.
	t.Chdir("..")
	for _, folder := range []string{"./message", "./event", "./"} {
		if err := r.AddGoComments("boxoffice/contracts", folder); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir("schema")
	return r
}

// generate returns the schema of each file.
func generate(t *testing.T) map[string][]byte {
	t.Helper()
	r := reflector(t)
	files := map[string][]byte{}
	add := func(name string, version int, s *jsonschema.Schema) {
		s.Title = fmt.Sprintf("%s, version %d", name, version)
		encoded, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprintf("%s.v%d.json", name, version)] = append(encoded, '\n')
	}
	for m, versions := range messages {
		for _, version := range versions {
			add(string(m.Kind()), version, enveloped(r.Reflect(m), m.Kind(), version))
		}
	}
	for _, version := range []int{1, 2} {
		s := enveloped(r.Reflect(placeOrder), placeOrder.Kind(), version)
		best, _ := s.Properties.Get("bestAvailable")
		if version == 1 {
			best.Properties.Delete("accessible")
		} else {
			best.Required = append(best.Required, "accessible")
			s.Required = append(s.Required, "bestAvailable")
		}
		add(string(placeOrder.Kind()), version, s)
	}
	add(string(stopMails.Kind()), 1, enveloped(r.Reflect(stopMails), stopMails.Kind(), 1))
	changed := r.Reflect(event.OrderChanged{})
	constant(changed, "v", 1)
	add("OrderChanged", 1, changed)
	return files
}

// enveloped adds what every message has beside its fields.
func enveloped(s *jsonschema.Schema, kind message.Kind, version int) *jsonschema.Schema {
	constant(s, "v", version)
	constant(s, "kind", string(kind))
	s.Required = append([]string{"kind", "v"}, s.Required...)
	return s
}

func constant(s *jsonschema.Schema, member string, value any) {
	s.Properties.Set(member, &jsonschema.Schema{Const: value})
	_ = s.Properties.MoveToFront(member)
}

// The schemas are those of the Go types: a type that changes changes its schema in the same commit, where a reader sees it.
func TestSchemasAreThoseOfTheTypes(t *testing.T) {
	want := generate(t)
	if *update {
		old, err := filepath.Glob("*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range old {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		for name, content := range want {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	for name, content := range want {
		have, err := schema.Files.ReadFile(name)
		if err != nil || !bytes.Equal(have, content) {
			t.Errorf("%s differs from its Go type (%v): run go test ./contracts/schema -update", name, err)
		}
	}
	entries, err := fs.ReadDir(schema.Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if want[e.Name()] == nil {
			t.Errorf("%s is of no type", e.Name())
		}
	}
}

func TestEveryKindHasASchema(t *testing.T) {
	have := map[message.Kind]bool{placeOrder.Kind(): true, stopMails.Kind(): true}
	for m := range messages {
		have[m.Kind()] = true
	}
	for _, kind := range message.Kinds() {
		if !have[kind] {
			t.Errorf("%s has no schema", kind)
		}
		delete(have, kind)
	}
	for kind := range have {
		t.Errorf("%s is no kind", kind)
	}
}

// compiled returns the schema of an example, by its kind and version.
func compiled(t *testing.T, name string) *validator.Schema {
	t.Helper()
	content, err := schema.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(name, document); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every golden payload, which the decoders read, conforms to the schema of its version, and no longer does with an unknown member,
// with another version or without one.
func TestGoldenPayloadsConform(t *testing.T) {
	checked := map[string]bool{}
	for _, pattern := range []string{"../message/testdata/*.json", "../event/testdata/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file) //nolint:gosec // a file of the project
			if err != nil {
				t.Fatal(err)
			}
			var payload map[string]any
			if err := json.Unmarshal(content, &payload); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			kind, isMessage := payload["kind"].(string)
			if !isMessage {
				kind = "OrderChanged"
			}
			version, _ := payload["v"].(float64)
			name := kind + ".v" + strconv.Itoa(int(version)) + ".json"
			s := compiled(t, name)
			checked[name] = true
			if err := s.Validate(payload); err != nil {
				t.Errorf("%s does not conform: %v", file, err)
			}
			payload["more"] = 1
			if s.Validate(payload) == nil {
				t.Errorf("%s conforms with an unknown member", file)
			}
			delete(payload, "more")
			payload["v"] = version + 1
			if s.Validate(payload) == nil {
				t.Errorf("%s conforms with another version", file)
			}
			delete(payload, "v")
			if s.Validate(payload) == nil {
				t.Errorf("%s conforms without its version", file)
			}
		}
	}
	for name := range generate(t) {
		if !checked[name] {
			t.Errorf("no golden payload is checked against %s", name)
		}
	}
}
