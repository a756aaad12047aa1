package identity

import "boxoffice/producers/internal/httpapi"

// sameSite refuses a request that a page of another site made a browser send: the browser would add the refresh cookie, or store
// the cookie of an account of somebody else's choice. Browsers say where a request comes from, and no page can change that. Other
// programs say nothing; they have no cookies of a visitor.
func (s *Service) sameSite(r httpapi.Request) error {
	switch r.Header("Sec-Fetch-Site") {
	case "same-origin":
		return nil
	case "":
		// Browsers send it only to https and to this machine.
		if o := r.Header("Origin"); o == "" || o == s.Site {
			return nil
		}
	}
	return httpapi.NewProblem(httpapi.CodeForbidden, "Only pages of this site may send this request.")
}
