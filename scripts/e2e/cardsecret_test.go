package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// everyItem returns the items of a table, a line of JSON each.
func (s *stack) everyItem(t *testing.T, table string) string {
	t.Helper()
	var all strings.Builder
	pages := dynamodb.NewScanPaginator(s.Dynamo, &dynamodb.ScanInput{TableName: aws.String(s.Table(table)), ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			var values map[string]any
			if err := attributevalue.UnmarshalMap(item, &values); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(values)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(append(text, '\n'))
		}
	}
	return all.String()
}

// Whatever ends an order that awaited payment, its secret is in no item of any table and in no log afterwards, and the list of orders
// never has it. While the order awaits payment the secret is in its row alone.
func TestTheClientSecretIsInNoTable(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	specification, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	anna := s.signedIn(t, testbed.Named("anna"))
	ends := map[string]func(apiclient.Order){
		"paid":      func(o apiclient.Order) { s.pay(t, o, "pm_card_mastercard") },
		"cancelled": func(o apiclient.Order) { s.cancel(t, anna, o.OrderID) },
		"declined, then cancelled": func(o apiclient.Order) {
			s.pay(t, o, "pm_card_visa_chargeDeclinedInsufficientFunds")
			s.waitFor(t, anna, o.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Payment != nil && o.Payment.LastError != nil })
			s.cancel(t, anna, o.OrderID)
		},
	}
	secrets := map[string]string{}
	for name, end := range ends {
		o := s.placePayable(t, anna, "key-"+strings.NewReplacer(",", "", " ", "-").Replace(name), s.takeSeats(t, 1)...)
		secrets[name] = o.Payment.ClientSecret
		if found := strings.Count(s.everyItem(t, "orders"), o.Payment.ClientSecret); found != 1 {
			t.Errorf("%s: %d rows have the secret while the order awaits payment", name, found)
		}
		answer, err := anna.Do(t.Context(), http.MethodGet, "/me/orders?limit=100", nil, nil)
		if err != nil || answer.Status != http.StatusOK || strings.Contains(string(answer.Body), "_secret_") {
			t.Errorf("%s: the list of orders: %d, %v", name, answer.Status, err)
		}
		end(o)
		ended := s.waitEnded(t, anna, o.OrderID)
		if paid := name == "paid"; paid != (ended.Status == contracts.Confirmed) || paid != (ended.Payment != nil) {
			t.Errorf("%s: the order is %s, payment %+v", name, ended.Status, ended.Payment)
		}
		if ended.Payment != nil && (ended.Payment.Card == nil || *ended.Payment.Card != (apiclient.Card{Brand: "mastercard", Last4: "4444"})) {
			t.Errorf("%s: paid by %+v", name, ended.Payment.Card)
		}
	}
	texts := map[string]string{}
	for _, table := range specification.Tables {
		texts["table "+table.Name] = s.everyItem(t, table.Name)
	}
	files, err := filepath.Glob(filepath.Join(s.Logs, "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("logs %v, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a log of the stack
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = string(content)
	}
	if !strings.Contains(texts["table orders"], `"last4":"4444"`) {
		t.Error("the table of orders is not the one of this stack: it does not have the card")
	}
	for where, text := range texts {
		for name, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s: the secret is in %s", name, where)
			}
		}
		if where != "table orders" && strings.Contains(text, `"last4"`) {
			t.Errorf("a card is in %s", where)
		}
	}
}
