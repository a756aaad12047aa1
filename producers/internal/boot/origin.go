package boot

import "net/url"

// IsOrigin reports whether a setting is the origin of a site: scheme, host and port alone. It is https on AWS, and http on this machine.
func IsOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.Scheme+"://"+u.Host == text
}
