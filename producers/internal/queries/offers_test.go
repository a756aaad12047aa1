package queries_test

import (
	"testing"

	"boxoffice/producers/internal/queries"
)

// On the same maps the rejected orders with one wish cost one search, however often their buyers poll.
func TestOffersAreSearchedOnceForAWish(t *testing.T) {
	looked := queries.LookAt()
	for _, section := range []string{"a", "b", "a", "a", "b"} {
		if found := looked.Of(section); len(found) != 1 || string(found[0].Why) != section {
			t.Errorf("%s: %+v", section, found)
		}
	}
	if looked.Searches != 2 {
		t.Errorf("%d searches for two wishes", looked.Searches)
	}
	looked.Of("")
	looked.Of("")
	if looked.Searches != 4 {
		t.Errorf("orders that named other seats got one answer: %d searches", looked.Searches)
	}
}
