package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/ministacktest"
)

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// asked runs the program with a table that has one concert.
type asked struct {
	cfg   *aws.Config
	calls int
}

func (a *asked) run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), program{out: &o, err: &e, connect: func(context.Context) (aws.Config, error) {
		a.calls++
		if a.cfg == nil {
			return aws.Config{}, errors.New("no credentials")
		}
		return *a.cfg, nil
	}}, args)
	return code, o.String(), e.String()
}

func withConcert(t *testing.T) *asked {
	t.Helper()
	cfg := emulator.Tenant(t)
	client := dynamodb.NewFromConfig(cfg)
	if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("concerts"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("concertId"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("concertId"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	item, err := attributevalue.MarshalMap(readmodel.Concert{ConcertID: "nocturne-2030", OnSaleAt: 1, OffSaleAt: 1 << 45, LayoutVersion: 1, LayoutFrozen: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("concerts"), Item: item}); err != nil {
		t.Fatal(err)
	}
	return &asked{cfg: &cfg}
}

func TestCancelPrintsWhatItDid(t *testing.T) {
	t.Setenv("CONCERTS_TABLE", "concerts")
	a := withConcert(t)
	decoded := func(out string) map[string]any {
		t.Helper()
		var all map[string]any
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return all
	}
	if code, out, _ := a.run(t, "cancel", "nocturne-2030", "--dry-run"); code != 0 || !strings.Contains(out, "nocturne-2030 is on_sale and would be cancelled") {
		t.Errorf("a dry run ends with %d: %s", code, out)
	}
	code, out, _ := a.run(t, "cancel", "nocturne-2030", "--dry-run", "--json")
	if got := decoded(out); code != 0 || got["before"] != "on_sale" || got["changed"] != true || got["dryRun"] != true || got["cancelledAt"] != nil {
		t.Errorf("a dry run ends with %d and prints %v", code, got)
	}
	code, out, _ = a.run(t, "cancel", "nocturne-2030", "--json")
	done := decoded(out)
	if code != 0 || done["before"] != "on_sale" || done["changed"] != true || done["dryRun"] != false || done["concertId"] != "nocturne-2030" {
		t.Errorf("ends with %d and prints %v", code, done)
	}
	code, out, _ = a.run(t, "cancel", "nocturne-2030", "--json")
	if got := decoded(out); code != 0 || got["before"] != "cancelled" || got["changed"] != false || got["cancelledAt"] != done["cancelledAt"] {
		t.Errorf("once more it ends with %d and prints %v", code, got)
	}
	for _, args := range [][]string{{"cancel", "nocturne-2030"}, {"cancel", "nocturne-2030", "--dry-run"}} {
		if code, out, _ := a.run(t, args...); code != 0 || !strings.Contains(out, "was cancelled already") {
			t.Errorf("%v ends with %d: %s", args, code, out)
		}
	}
	if code, out, errOut := a.run(t, "cancel", "nothing-2030"); code != 1 || out != "" || !strings.Contains(errOut, "nothing-2030: there is no such concert") {
		t.Errorf("an unknown concert ends with %d: %s %s", code, out, errOut)
	}
}

func TestMistakesOfTheCaller(t *testing.T) {
	t.Setenv("CONCERTS_TABLE", "concerts")
	for _, args := range [][]string{{}, {"cancel"}, {"cancel", "a", "b"}, {"cancel", "a", "--now"}, {"cancle", "a"}} {
		a := &asked{}
		if code, _, errOut := a.run(t, args...); code != 2 || a.calls > 0 || errOut == "" {
			t.Errorf("%v ends with %d after %d calls: %s", args, code, a.calls, errOut)
		}
	}
	a := &asked{}
	if code, _, errOut := a.run(t, "cancel", "a"); code != 1 || !strings.Contains(errOut, "no credentials") {
		t.Errorf("without credentials it ends with %d: %s", code, errOut)
	}
	if err := os.Unsetenv("CONCERTS_TABLE"); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := a.run(t, "cancel", "a"); code != 2 || !strings.Contains(errOut, "--concerts-table") {
		t.Errorf("without a table it ends with %d: %s", code, errOut)
	}
	if code, out, _ := a.run(t, "--help"); code != 0 || !strings.Contains(out, "cancel") {
		t.Errorf("--help ends with %d: %s", code, out)
	}
}
