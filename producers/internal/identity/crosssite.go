package identity

import (
	"slices"

	"boxoffice/producers/internal/httpapi"
)

// sameSite refuses a request that a page of another site made a browser send: the browser would add the refresh cookie, or store
// the cookie of an account of somebody else's choice. Browsers say in Sec-Fetch-Site and Origin where a request comes from, and no
// page can change that. Other programs say nothing; they have no cookies of a visitor.
func (s *Service) sameSite(r httpapi.Request) error {
	from, where := r.Header("Origin"), r.Header("Sec-Fetch-Site")
	switch {
	case where == "same-origin":
		return nil
	case slices.Contains(s.AllowedOrigins, from) && from != "":
		// The edge allows these origins (CORS), so their requests are "same-site" or "cross-site".
		return nil
	case where == "" && (from == "" || from == s.Site):
		// Browsers send Sec-Fetch-Site only to https and to this machine, and some are older than it. All send Origin with a POST.
		return nil
	}
	return httpapi.NewProblem(httpapi.CodeForbidden, "Only pages of this site may send this request.")
}
