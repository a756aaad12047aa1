package httpapi

import (
	"slices"
	"strings"
)

// RequireScope returns the caller's id, or the problem of a request whose token names no user or does not have the scope. The gateway
// has checked the scope already; the function does not rely on that. The authorizer passes a claim as text: words separated by
// blanks, or a list of words as "[a b]".
func (r Request) RequireScope(scope string) (string, error) {
	user, err := r.RequireUser()
	if err != nil {
		return "", err
	}
	claim := r.RequestContext.Authorizer.JWT.Claims["scope"]
	if inner, list := strings.CutPrefix(claim, "["); list {
		words, whole := strings.CutSuffix(inner, "]")
		if claim = words; !whole {
			claim = ""
		}
	}
	if !slices.Contains(strings.Fields(claim), scope) {
		return "", NewProblem(CodeForbidden, "This address needs a token with the scope "+scope+".")
	}
	return user, nil
}
