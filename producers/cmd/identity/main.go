// Command identity is the Lambda behind /api/auth and /api/me.
package main

import "boxoffice/producers/internal/boot"

func main() { boot.Main("identity", wire) }
