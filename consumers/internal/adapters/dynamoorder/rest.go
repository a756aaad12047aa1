package dynamoorder

import (
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
)

// While a new version of the program is rolled out, two versions write the same rows. A transition writes the whole row, so
// the older version must write back the attributes that it does not know, or it would delete what the newer one stored. If
// the item that was read has an attribute without a name in readmodel, the item is kept beside the order
// (order.Order.Rest), and the next version of the row is that item with the changes of the transition.

// names are the known attributes of a map in a row, with the known attributes of their values: nil for a value that is
// neither a map nor a list of maps.
type names map[string]names

// known are the known attributes of a row.
var known = namesOf(reflect.TypeFor[readmodel.Order]())

func namesOf(t reflect.Type) names {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	all := names{}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("dynamodbav"), ",")
		all[name] = namesOf(field.Type)
	}
	return all
}

// restOf returns the item if it has an unknown attribute, else nil.
func restOf(item map[string]types.AttributeValue) any {
	if known.haveAll(item) {
		return nil
	}
	return item
}

func (n names) haveAll(item map[string]types.AttributeValue) bool {
	for name, value := range item {
		inner, found := n[name]
		if !found || inner != nil && !inner.haveAllOf(value) {
			return false
		}
	}
	return true
}

func (n names) haveAllOf(value types.AttributeValue) bool {
	switch v := value.(type) {
	case *types.AttributeValueMemberM:
		return n.haveAll(v.Value)
	case *types.AttributeValueMemberL:
		for _, element := range v.Value {
			if !n.haveAllOf(element) {
				return false
			}
		}
	}
	return true
}

// changed returns the item that was read, with the difference between before and after: known attributes that after does
// not have are deleted, those that differ are replaced, all others stay.
func (n names) changed(read, before, after map[string]types.AttributeValue) map[string]types.AttributeValue {
	item := make(map[string]types.AttributeValue, len(read)+len(after))
	for name, value := range read {
		_, has := after[name]
		if _, isKnown := n[name]; has || !isKnown {
			item[name] = value
		}
	}
	for name, value := range after {
		item[name] = n.changedValue(name, read[name], before[name], value)
	}
	return item
}

// lives are the maps that a transition changes in part. Any other map is replaced as a whole: what a newer version stores
// beside the code of a refused card does not concern the next card.
var lives = map[string]bool{"payment": true}

func (n names) changedValue(name string, read, before, after types.AttributeValue) types.AttributeValue {
	if reflect.DeepEqual(before, after) && read != nil {
		return read
	}
	switch a := after.(type) {
	case *types.AttributeValueMemberM:
		r, isMap := read.(*types.AttributeValueMemberM)
		b, wasMap := before.(*types.AttributeValueMemberM)
		if lives[name] && isMap && wasMap {
			return &types.AttributeValueMemberM{Value: n[name].changed(r.Value, b.Value, a.Value)}
		}
	case *types.AttributeValueMemberL:
		// The history: a transition appends to it, and earlier entries stay as they were read.
		r, isList := read.(*types.AttributeValueMemberL)
		b, wasList := before.(*types.AttributeValueMemberL)
		if !isList || !wasList || len(r.Value) != len(b.Value) {
			break
		}
		list := slices.Clone(a.Value)
		for i := range min(len(list), len(b.Value)) {
			if reflect.DeepEqual(b.Value[i], list[i]) {
				list[i] = r.Value[i]
			}
		}
		return &types.AttributeValueMemberL{Value: list}
	}
	return after
}
