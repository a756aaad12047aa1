// Package layoutitem has the items of the table of layouts: their keys, their coding, and the memory in which a process keeps
// what it made of them.
//
// A layout version has one item for each use, because its readers need different parts of it: those who take and decide orders
// need names, rows and prices, and the page needs where everything is drawn. An item is compressed, so that a whole arena is a
// few kilobytes: a thousand processes that start in the same second read it at once, and all of those reads meet one partition
// of DynamoDB, which allows 3,000 read units a second. An item is written once and never changes.
package layoutitem

import (
	"errors"
	"fmt"

	"boxoffice/contracts/readmodel"
)

// Use is what an item is read for.
type Use string

// Uses.
const (
	// UseSeats is for orders: groups with their seats, rows, accessible places and prices (EncodeSeats).
	UseSeats Use = "seats"
	// UsePage is for the page: groups as they are drawn, and the tiers (EncodePage).
	UsePage Use = "page"
)

// Uses are the items that a complete layout version has.
var Uses = []Use{UseSeats, UsePage}

// Key names the item of a layout version for a use: "concertId#version#use". No id or name has a "#".
func Key(concertID string, version int, use Use) string {
	return readmodel.LayoutKey(concertID, version) + "#" + string(use)
}

// MaxItemBytes is how large DynamoDB takes an item, with the names of its attributes.
const MaxItemBytes = 400 << 10

// ErrTooLarge is an item or a document over its limit.
var ErrTooLarge = errors.New("too large")

// New makes an item, unless DynamoDB would refuse it for its size.
func New(key string, body []byte) (readmodel.LayoutItem, error) {
	const names = len("layoutItem") + len("body")
	if size := names + len(key) + len(body); size > MaxItemBytes {
		return readmodel.LayoutItem{}, fmt.Errorf("layout item %s of %d bytes is %w: DynamoDB takes %d", key, size, ErrTooLarge, MaxItemBytes)
	}
	return readmodel.LayoutItem{Key: key, Body: body}, nil
}
