package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Query parses the query string strictly: only the names that the route knows, each at most once, each pair readable. What cannot
// be read is refused and not ignored, since an answer without one of its filters would show more than was asked for. The error is
// a *Problem.
func (r Request) Query(names ...string) (map[string]string, error) {
	if len(names) == 0 && r.RawQueryString != "" {
		return nil, NewProblem(CodeInvalidFilter, unknownParameter(names))
	}
	values, err := url.ParseQuery(r.RawQueryString)
	if err != nil {
		return nil, NewProblem(CodeInvalidFilter, "The query string cannot be read: pairs are joined by &, and % is followed by two hexadecimal digits.")
	}
	query := make(map[string]string, len(values))
	for name, all := range values {
		switch {
		case !slices.Contains(names, name):
			return nil, NewProblem(CodeInvalidFilter, unknownParameter(names))
		case len(all) > 1:
			return nil, NewProblem(CodeInvalidFilter, fmt.Sprintf("%s is there more than once.", name))
		case !utf8.ValidString(all[0]):
			return nil, NewProblem(CodeInvalidFilter, fmt.Sprintf("%s is no UTF-8 text.", name))
		}
		query[name] = all[0]
	}
	return query, nil
}

func unknownParameter(names []string) string {
	if len(names) == 0 {
		return "This address takes no query parameters."
	}
	return fmt.Sprintf("This address takes the query parameters %s only.", strings.Join(names, ", "))
}
