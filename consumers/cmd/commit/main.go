// Command commit is the Lambda behind authorizations.fifo: it makes seats the own of who pays for them.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("commit", wire) }
