// Command reconcile is the Lambda that moves on, each minute, what got stuck.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("reconcile", wire) }
