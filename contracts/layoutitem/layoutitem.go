// Package layoutitem defines the items of the table layouts: their keys, their codec, and the Memory in which a process keeps
// decoded items.
//
// A layout version has one item for each use, because its readers need different parts: orders need names, rows and prices,
// and the page needs to know where everything is drawn. Items are compressed, so that a whole arena is a few kilobytes: a
// thousand processes that start in the same second all read the same item, and its DynamoDB partition allows 3,000 read units
// a second. An item is written once and never changes.
package layoutitem

import (
	"errors"
	"fmt"

	"boxoffice/contracts/readmodel"
)

// Use is the purpose for which an item is read.
type Use string

// Uses.
const (
	// UseSeats is for orders: the groups with their seats, rows, accessible places and prices (EncodeSeats).
	UseSeats Use = "seats"
	// UsePage is for the page: the groups with their shapes, the tiers and the geometry of the hall (EncodePage).
	UsePage Use = "page"
)

// Uses are the items that a complete layout version has.
var Uses = []Use{UseSeats, UsePage}

// Key returns the key of the item of a layout version for a use: "concertId#version#use". No id contains a "#".
func Key(concertID string, version int, use Use) string {
	return readmodel.LayoutKey(concertID, version) + "#" + string(use)
}

// MaxItemBytes is the maximum size of an item in DynamoDB, including the names of its attributes.
const MaxItemBytes = 400 << 10

// ErrTooLarge means that an item or a document is over its limit.
var ErrTooLarge = errors.New("too large")

// New returns an item, or ErrTooLarge if DynamoDB would refuse it.
func New(key string, body []byte) (readmodel.LayoutItem, error) {
	const names = len("layoutItem") + len("body")
	if size := names + len(key) + len(body); size > MaxItemBytes {
		return readmodel.LayoutItem{}, fmt.Errorf("layout item %s of %d bytes is %w: DynamoDB accepts %d", key, size, ErrTooLarge, MaxItemBytes)
	}
	return readmodel.LayoutItem{Key: key, Body: body}, nil
}
