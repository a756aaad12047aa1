// Command reconcile is the Lambda that repeats, each minute, the steps that got stuck.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("reconcile", wire) }
