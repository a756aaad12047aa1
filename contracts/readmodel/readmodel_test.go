package readmodel_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/topology"
)

// rows are the Go types of the tables' rows.
var rows = map[string]reflect.Type{
	"orders":      reflect.TypeFor[readmodel.Order](),
	"tickets":     reflect.TypeFor[readmodel.Ticket](),
	"concerts":    reflect.TypeFor[readmodel.Concert](),
	"layouts":     reflect.TypeFor[readmodel.LayoutItem](),
	"groups":      reflect.TypeFor[readmodel.Group](),
	"allowances":  reflect.TypeFor[readmodel.Allowance](),
	"deadletters": reflect.TypeFor[readmodel.DeadLetter](),
	"overview":    reflect.TypeFor[readmodel.ConcertSeats](),
	"users":       reflect.TypeFor[readmodel.User](),
	"sessions":    reflect.TypeFor[readmodel.Session](),
	"limits":      reflect.TypeFor[readmodel.Limit](),
	"connections": reflect.TypeFor[readmodel.Connection](),
	"revocations": reflect.TypeFor[readmodel.Revocation](),
	"sent":        reflect.TypeFor[readmodel.Sent](),
}

// attribute finds a field of a row by the name of its attribute. It returns the DynamoDB type and whether a zero is omitted.
func attribute(row reflect.Type, name string) (kind string, omitted, found bool) {
	for field := range row.Fields() {
		tag, options, _ := strings.Cut(field.Tag.Get("dynamodbav"), ",")
		if tag != name {
			continue
		}
		switch field.Type.Kind() {
		case reflect.String:
			kind = "S"
		case reflect.Int, reflect.Int64:
			kind = "N"
		default:
			kind = field.Type.String()
		}
		return kind, strings.Contains(options, "omitempty"), true
	}
	return "", false, false
}

func TestKeysAgreeWithTheTopology(t *testing.T) {
	specification, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range specification.Tables {
		row, known := rows[table.Name]
		if !known {
			t.Errorf("table %s has no row here", table.Name)
			continue
		}
		check := func(where string, key *topology.Key, sparse bool) {
			if key == nil {
				return
			}
			kind, omitted, found := attribute(row, key.Name)
			if !found || kind != key.Type {
				t.Errorf("%s: key %s is %q in %s, want %s", where, key.Name, kind, row, key.Type)
			}
			// An index is sparse only if its key is omitted when zero. A key of the table must never be omitted.
			if omitted != sparse {
				t.Errorf("%s: key %s is left out when zero: %t, want %t", where, key.Name, omitted, sparse)
			}
		}
		check(table.Name, &table.PartitionKey, false)
		check(table.Name, table.SortKey, false)
		if table.TimeToLive != "" {
			check(table.Name+" time to live", &topology.Key{Name: table.TimeToLive, Type: "N"}, true)
		}
		for _, index := range table.Indexes {
			check(table.Name+" index "+index.Name, &index.PartitionKey, true)
			// One key that is left out keeps a row out of the index. Every order was accepted at some time.
			check(table.Name+" index "+index.Name, index.SortKey, index.Name != readmodel.IndexBuyer)
		}
	}
	if len(rows) != len(specification.Tables) {
		t.Errorf("%d rows, %d tables", len(rows), len(specification.Tables))
	}
}

// If a note were deleted before its message, a message that crashes its handler would start with a full number of attempts again.
func TestAttemptsOutliveTheirMessages(t *testing.T) {
	specification, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range specification.Queues {
		if kept := time.Duration(q.RetentionSeconds) * time.Second; readmodel.AttemptsKept <= kept {
			t.Errorf("attempts are kept for %s, messages of %s for %s", readmodel.AttemptsKept, q.Name, kept)
		}
	}
}

func TestIndexNameAgreesWithTheTopology(t *testing.T) {
	specification, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]string{readmodel.IndexOpen: "orders", readmodel.IndexBuyer: "orders", readmodel.IndexLetters: "deadletters"} {
		i := slices.IndexFunc(specification.Tables, func(table topology.Table) bool { return table.Name == of })
		if !slices.ContainsFunc(specification.Tables[i].Indexes, func(index topology.Index) bool { return index.Name == name }) {
			t.Errorf("%s has no index %s", of, name)
		}
	}
}

// Without a tag the SDK would name the attribute after the Go field, and renaming the field would lose stored data.
func TestEveryFieldNamesItsAttribute(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(row reflect.Type) {
		for row.Kind() == reflect.Pointer || row.Kind() == reflect.Slice {
			row = row.Elem()
		}
		if row.Kind() != reflect.Struct || seen[row] {
			return
		}
		seen[row] = true
		names := map[string]bool{}
		for field := range row.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("dynamodbav"), ",")
			if name == "" || names[name] {
				t.Errorf("%s.%s has the attribute name %q", row, field.Name, name)
			}
			names[name] = true
			walk(field.Type)
		}
	}
	for _, row := range rows {
		walk(row)
	}
	// Other kinds of rows in the table deadletters.
	walk(reflect.TypeFor[readmodel.LedgerCursor]())
	walk(reflect.TypeFor[readmodel.LedgerNote]())
	walk(reflect.TypeFor[readmodel.LetterKey]())
	// Other items of the table overview.
	walk(reflect.TypeFor[readmodel.Overview]())
	walk(reflect.TypeFor[readmodel.Sales]())
	walk(reflect.TypeFor[readmodel.SettledOrders]())
	if len(seen) < len(rows)+3 {
		t.Errorf("only %d types were checked", len(seen))
	}
}

func TestSale(t *testing.T) {
	concert := readmodel.Concert{OnSaleAt: 100, OffSaleAt: 200, LayoutVersion: 3, LayoutFrozen: 3}
	notFrozen := concert
	notFrozen.LayoutFrozen = 2
	for _, c := range []struct {
		concert readmodel.Concert
		now     contracts.Instant
		want    readmodel.SaleState
	}{
		{concert, 99, readmodel.SaleScheduled}, {concert, 100, readmodel.SaleOpen}, {concert, 199, readmodel.SaleOpen}, {concert, 200, readmodel.SaleOver},
		{notFrozen, 150, readmodel.SaleScheduled}, {notFrozen, 200, readmodel.SaleOver},
	} {
		if got := c.concert.Sale(c.now); got != c.want {
			t.Errorf("at %d with layout %d of %d: %s, want %s", c.now, c.concert.LayoutFrozen, c.concert.LayoutVersion, got, c.want)
		}
	}
}

func TestPlacesAndNames(t *testing.T) {
	g := readmodel.LayoutGroup{Seats: []string{"A-1", "A-2", "B-1"}}
	places, unknown, ok := g.Places([]string{"B-1", "A-1"})
	if !ok || unknown != "" || !slices.Equal(places, []int{2, 0}) {
		t.Errorf("places %v, unknown %q, %t", places, unknown, ok)
	}
	if places, unknown, ok := g.Places([]string{"A-1", "C-1", "D-1"}); ok || unknown != "C-1" || places != nil {
		t.Errorf("places %v, unknown %q, %t", places, unknown, ok)
	}
	if names := g.Names([]int{2, 0, 3, -1}); !slices.Equal(names, []string{"B-1", "A-1", "", ""}) {
		t.Errorf("names %q", names)
	}
}

func TestLayoutKey(t *testing.T) {
	if key := readmodel.LayoutKey("vienna", 12); key != "vienna#12" {
		t.Errorf("key %s", key)
	}
}
