package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// withStores has the table of one concert, and the table and the queue that a load also needs.
func withStores(t *testing.T) *asked {
	t.Helper()
	a := withConcert(t)
	if _, err := dynamodb.NewFromConfig(*a.cfg).CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("layouts"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("layoutItem"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("layoutItem"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	queue, err := sqs.NewFromConfig(*a.cfg).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders.fifo"), Attributes: map[string]string{"FifoQueue": "true"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONCERTS_TABLE", "concerts")
	t.Setenv("LAYOUTS_TABLE", "layouts")
	t.Setenv("ORDERS_QUEUE_URL", aws.ToString(queue.QueueUrl))
	return a
}

// overture is the sample with the concert of that id alone, changed.
func overture(t *testing.T, old, replacement string) (concerts, layout string) {
	t.Helper()
	sample, err := os.ReadFile("../../data/concerts.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Concerts []json.RawMessage }
	if err := json.Unmarshal(sample, &all); err != nil {
		t.Fatal(err)
	}
	one := string(all.Concerts[1])
	if !strings.Contains(one, "overture-2031") || !strings.Contains(one, old) {
		t.Fatalf("the second concert is %s", one)
	}
	file := filepath.Join(t.TempDir(), "concerts.json")
	if err := os.WriteFile(file, []byte(`{"concerts":[`+strings.Replace(one, old, replacement, 1)+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, "theatre=../../data/theatre.json"
}

// drawn is the geometry of the concert of overture.
const drawn = "theatre=../../data/geometry/theatre.json"

// A load says what it did. A dry run says the same and leaves the tables as they are.
func TestLoadPrintsWhatItDid(t *testing.T) {
	a := withStores(t)
	concerts, layout := overture(t, "Overture", "Overture")
	rows := func() int {
		t.Helper()
		out, err := dynamodb.NewFromConfig(*a.cfg).Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("concerts"), Select: types.SelectCount})
		if err != nil {
			t.Fatal(err)
		}
		return int(out.Count)
	}
	code, out, errOut := a.run(t, "load", concerts, "--layout", layout, "--geometry", drawn, "--dry-run")
	if code != 0 || !strings.HasPrefix(out, "dry run, nothing was changed: 1 concerts, 2 of 2 layout items were missing") || rows() != 1 {
		t.Errorf("a dry run ends with %d, %d rows: %s %s", code, rows(), out, errOut)
	}
	for _, missing := range []int{2, 0} {
		code, out, errOut = a.run(t, "load", concerts, "--layout", layout, "--geometry", drawn, "--json")
		var report struct {
			Concerts, LayoutWritten int
			NotInFiles              []struct{ ConcertID string }
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || report.Concerts != 1 || report.LayoutWritten != missing || rows() != 2 {
			t.Errorf("ends with %d, %d rows, %v: %s %s", code, rows(), err, out, errOut)
		}
		if len(report.NotInFiles) != 1 || report.NotInFiles[0].ConcertID != "nocturne-2030" {
			t.Errorf("not in the file: %+v", report.NotInFiles)
		}
	}
}

// Mistakes in the files are named, all at once, before anything is called.
func TestLoadNamesMistakesBeforeItWrites(t *testing.T) {
	a := withStores(t)
	for _, c := range []struct{ old, replacement, says string }{
		{`"Overture"`, `"Over\u0000ture"`, "concert overture-2031: title has a control character"},
		{`"title"`, `"title": "x", "title"`, "duplicate object member name"},
		{`"layout": "theatre"`, `"layout": "barn"`, `layout "barn" is unknown`},
		{"2031-01-18T19:30", "2031-02-30T19:30", "day out of range"},
	} {
		concerts, layout := overture(t, c.old, c.replacement)
		if code, out, errOut := a.run(t, "load", concerts, "--layout", layout, "--geometry", drawn); code != 1 || out != "" || !strings.Contains(errOut, c.says) {
			t.Errorf("%s ends with %d: %s %s", c.replacement, code, out, errOut)
		}
	}
	concerts, layout := overture(t, "Overture", "Overture")
	for _, args := range [][]string{{"load", concerts + "x", "--layout", layout, "--geometry", drawn}, {"load", concerts, "--layout", layout + "x", "--geometry", drawn}, {"load", concerts, "--layout", layout, "--geometry", drawn + "x"}} {
		if code, _, errOut := a.run(t, args...); code != 1 || !strings.Contains(errOut, "no such file") {
			t.Errorf("%v ends with %d: %s", args, code, errOut)
		}
	}
	for _, args := range [][]string{{"load"}, {"load", concerts}, {"load", concerts, "--layout", layout}, {"load", concerts, "--layout", "theatre", "--geometry", drawn}} {
		if code, _, errOut := a.run(t, args...); code != 2 || errOut == "" {
			t.Errorf("%v ends with %d: %s", args, code, errOut)
		}
	}
	if a.calls != 0 {
		t.Errorf("%d calls", a.calls)
	}
}
