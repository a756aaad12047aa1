package orders

// For the tests.
type OfferKey = offerKey

func KeyOf(section string) OfferKey {
	var key offerKey
	key.wish.Section = section
	return key
}

var OffersFor = (*Hints).offersFor
