package identity

import "boxoffice/producers/internal/httpapi"

// sameSite refuses a request that a page of another site made a browser send: the browser would add the refresh cookie, or store
// the cookie of an account of somebody else's choice. Browsers say where a request comes from, and no page can change that. Other
// programs say nothing; they have no cookies of a visitor.
func (s *Service) sameSite(r httpapi.Request) error {
	from := r.Header("Sec-Fetch-Site")
	if from == "" {
		// Browsers send it only to https and to this machine.
		if o := r.Header("Origin"); o == "" || o == s.Site {
			return nil
		}
	} else if from == "same-origin" {
		return nil
	}
	return httpapi.NewProblem(httpapi.CodeForbidden, "Only pages of this site may send this request.")
}
