package contracts

import (
	"maps"
	"slices"
)

// CurrencyCodes lists the codes of all known currencies in alphabetical order.
func CurrencyCodes() []string { return slices.Sorted(maps.Keys(currencies)) }
